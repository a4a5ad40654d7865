
int x;
