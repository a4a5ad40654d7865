/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* burnin.cgi: one request of the web. It has no rights of its own but to log people in: it takes the token that the browser has,
 * and burnind decides what that person may do. Nothing is kept from one request to the next. */

#include <stdio.h>
#include <unistd.h>

#include "basic/log.h"
#include "cgi/web.h"

/* Who does not read his answer holds one of burnin-web's connections to the bus, which are not many. */
#define ANSWER_SECONDS 300

int main(void)
{
        _cleanup_web_ Web w = {};
        RequestEnv env;

        (void) alarm(ANSWER_SECONDS);
        log_open("burnin-cgi");
        request_env_from_process(&env);
        web_answer(&w, &env, STDIN_FILENO);
        return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
