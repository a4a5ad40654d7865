/* SPDX-License-Identifier: LGPL-2.1-or-later */
#undef NDEBUG

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "report/signature.h"
#include "shared/report-proto.h"
#include "test-util.h"

/* Signatures, against the real ssh-keygen, both ways. */

#define DOCUMENT "{\"format\":\"burnin-report\"}\n"

static char directory[] = "/tmp/burnin-signature-XXXXXX";

static char *path_of(const char *name)
{
        char *path = strf("%s/%s", directory, name);

        assert(path);
        return path;
}

static char *file_read(const char *name, size_t *ret_size)
{
        _cleanup_free_ char *path = path_of(name);
        size_t size;
        char *text;

        assert(read_file_full(path, 65536, &text, &size) >= 0);
        if (ret_size)
                *ret_size = size;
        return text;
}

static void file_write(const char *name, const char *text)
{
        _cleanup_free_ char *path = path_of(name);

        assert(write_file_atomic(path, text, strlen(text), 0600) >= 0);
}

static void file_remove(const char *name)
{
        _cleanup_free_ char *path = path_of(name);

        assert(unlink(path) == 0);
}

/* In the directory; its input is the file, which may be NULL. Whether it has ended well. */
static bool run(const char *input, const char *const *arguments)
{
        int status;
        pid_t pid;

        pid = fork();
        assert(pid >= 0);
        if (pid == 0) {
                int fd = -EBADF;

                if (chdir(directory) == 0)
                        fd = open(input ?: "/dev/null", O_RDONLY);
                if (fd >= 0 && dup2(fd, STDIN_FILENO) >= 0)
                        (void) execvp("ssh-keygen", (char *const *) arguments);
                _exit(127);
        }
        assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) != 127);
        return WEXITSTATUS(status) == 0;
}
#define ssh_keygen(input, ...) run(input, (const char *const[]){ "ssh-keygen", __VA_ARGS__, NULL })

static bool ssh_keygen_agrees(void)
{
        return ssh_keygen("document", "-Y", "verify", "-f", "allowed", "-I", "burnin", "-n",
                          REPORT_NAMESPACE, "-s", "document.sig");
}

static void test_ssh_keygen_agrees(void)
{
        _cleanup_free_ char *key = NULL, *public_key = NULL, *signature = NULL, *again = NULL,
                            *allowed = NULL;
        char fingerprint[SIGNATURE_FINGERPRINT_SIZE], of_key[SIGNATURE_FINGERPRINT_SIZE];
        size_t key_size;

        assert(ssh_keygen(NULL, "-q", "-t", "ed25519", "-N", "", "-C", "burnin", "-f", "key"));
        key = file_read("key", &key_size);
        public_key = file_read("key.pub", NULL);
        allowed = strf("burnin namespaces=\"" REPORT_NAMESPACE "\" %s", public_key);
        file_write("allowed", allowed);

        assert(signature_make(key, key_size, DOCUMENT, strlen(DOCUMENT), &signature) >= 0);
        assert(strlen(signature) < REPORT_SIGNATURE_MAX);
        assert(signature_make(key, key_size, DOCUMENT, strlen(DOCUMENT), &again) >= 0);
        assert(streq(signature, again));
        file_write("document", DOCUMENT);
        file_write("document.sig", signature);
        assert(ssh_keygen_agrees());
        file_write("document", DOCUMENT " ");
        assert(!ssh_keygen_agrees());

        assert(signature_verify(signature, strlen(signature), DOCUMENT, strlen(DOCUMENT), fingerprint) >= 0);
        assert(signature_fingerprint(public_key, of_key) >= 0 && streq(fingerprint, of_key));
        assert(startswith(of_key, "SHA256:") && strlen(of_key) == SIGNATURE_FINGERPRINT_SIZE - 1);
}

static void test_ours_of_ssh_keygen(void)
{
        char fingerprint[SIGNATURE_FINGERPRINT_SIZE];
        _cleanup_free_ char *signature = NULL, *other = NULL;

        file_write("document", DOCUMENT);
        file_remove("document.sig");
        assert(ssh_keygen(NULL, "-q", "-Y", "sign", "-f", "key", "-n", REPORT_NAMESPACE, "document"));
        signature = file_read("document.sig", NULL);
        assert(signature_verify(signature, strlen(signature), DOCUMENT, strlen(DOCUMENT), fingerprint) >= 0);

        /* One that was given for something else. */
        file_remove("document.sig");
        assert(ssh_keygen(NULL, "-q", "-Y", "sign", "-f", "key", "-n", "git", "document"));
        other = file_read("document.sig", NULL);
        assert(signature_verify(other, strlen(other), DOCUMENT, strlen(DOCUMENT), fingerprint) == -EBADMSG);
}

/* Every byte counts: of the document, and of the signature. */
static void test_changed(void)
{
        _cleanup_free_ char *key = NULL, *signature = NULL;
        char fingerprint[SIGNATURE_FINGERPRINT_SIZE], document[] = DOCUMENT;
        size_t key_size;

        key = file_read("key", &key_size);
        assert(signature_make(key, key_size, DOCUMENT, strlen(DOCUMENT), &signature) >= 0);
        for (size_t i = 0; i < strlen(DOCUMENT); i++) {
                document[i] ^= 1;
                assert(signature_verify(signature, strlen(signature), document, strlen(DOCUMENT),
                                        fingerprint) == -EKEYREJECTED);
                document[i] ^= 1;
        }
        assert(signature_verify(signature, strlen(signature), DOCUMENT, strlen(DOCUMENT) - 1, fingerprint) ==
               -EKEYREJECTED);
        /* But for white space, which is none of it, and what is around the armor. */
        for (char *p = strchr(signature, '\n') + 1; *p != '-'; p++) {
                char was = *p;

                if (was == '\n' || was == '=')
                        continue;
                *p = was == 'A' ? 'B' : 'A';
                assert(signature_verify(signature, strlen(signature), DOCUMENT, strlen(DOCUMENT),
                                        fingerprint) < 0);
                *p = was;
        }
        for (size_t n = 0; n + 2 < strlen(signature); n++)
                assert(signature_verify(signature, n, DOCUMENT, strlen(DOCUMENT), fingerprint) < 0);
}

static void test_keys_refused(void)
{
        static const char *const lines[] = {
                "", "ssh-ed25519", "ssh-ed25519 ", "ssh-ed25519 AAAA", "ssh-ed25519 !!!!", "ssh-rsa AAAA"
        };
        _cleanup_free_ char *locked = NULL, *other = NULL, *key = NULL, *signature = NULL;
        char fingerprint[SIGNATURE_FINGERPRINT_SIZE];
        size_t size;

        assert(ssh_keygen(NULL, "-q", "-t", "ed25519", "-N", "password", "-f", "locked"));
        locked = file_read("locked", &size);
        assert(signature_make(locked, size, "", 0, &signature) == -EOPNOTSUPP);
        assert(ssh_keygen(NULL, "-q", "-t", "ecdsa", "-N", "", "-f", "other"));
        other = file_read("other", &size);
        assert(signature_make(other, size, "", 0, &signature) == -EOPNOTSUPP);

        key = file_read("key", &size);
        for (size_t n = 0; n + 2 < size; n++)
                assert(signature_make(key, n, "", 0, &signature) < 0);
        for (size_t i = 0; i < ELEMENTSOF(lines); i++)
                assert(signature_fingerprint(lines[i], fingerprint) == -EBADMSG);
        assert(!signature);
}

int main(void)
{
        static const char *const names[] = { "key",       "key.pub", "locked",   "locked.pub",  "other",
                                             "other.pub", "allowed", "document", "document.sig" };

        assert(mkdtemp(directory));
        test_ssh_keygen_agrees();
        test_ours_of_ssh_keygen();
        test_changed();
        test_keys_refused();
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                file_remove(names[i]);
        assert(rmdir(directory) == 0);
        return 0;
}
