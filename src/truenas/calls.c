/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "basic/fd-util.h"
#include "basic/log.h"
#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "basic/time-util.h"
#include "shared/local-proto.h"
#include "truenas/calls.h"

#define CONNECTIONS_MAX 4096U

enum {
        WORD_HOST,
        WORD_VERB,
        WORD_KNAME,
        WORD_IDENTITY,
        WORD_TYPE,
        WORD_TEST,
        WORD_BOOT,
        WORD_NOT_AFTER,
};

typedef struct Connection Connection;

typedef struct Verb {
        const char *name;
        unsigned n_words;
        int (*go_on)(Connection *c); /* once the drive was found */
} Verb;

struct Connection {
        Calls *calls; /* weak */
        int fd;
        sd_event_source *source;
        Connection *prev, *next;

        /* Of the request that is open; verb is NULL where there is none. */
        const Verb *verb;
        char **words;
        Truenas *truenas;
        DriveFacts *drive;
        char *identifier;
};

struct Calls {
        sd_event *event;
        calls_find_t find;
        void *userdata;
        int fd;
        sd_event_source *source;
        Connection *connections;
        unsigned n;
};

static void request_done(Connection *c)
{
        c->verb = NULL;
        c->words = (strv_free(c->words), NULL);
        c->truenas = truenas_free(c->truenas);
        c->drive = drive_facts_free(c->drive);
        c->identifier = (free(c->identifier), NULL);
}

static Connection *connection_free(Connection *c)
{
        if (!c)
                return NULL;

        request_done(c);
        if (c->calls) {
                DL_DELETE(c->calls->connections, c);
                c->calls->n--;
        }
        sd_event_source_disable_unref(c->source);
        safe_close(c->fd);
        free(c);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Connection *, connection_free);

static bool send_packet(const Connection *c, char letter, const char *text, size_t size)
{
        char packet[LOCAL_PACKET_MAX];

        packet[0] = letter;
        memcpy(packet + 1, text, size);
        return send(c->fd, packet, size + 1, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* The end of the request. One who does not take its answer loses the connection with it. */
static void answer(Connection *c, const char *text)
{
        size_t size = strlen(text), done = 0;
        bool taken = true;

        request_done(c);
        while (taken && done < size) {
                size_t n = MIN(size - done, (size_t) LOCAL_PACKET_MAX - 1);

                taken = send_packet(c, LOCAL_OUTPUT, text + done, n);
                done += n;
        }
        if (!taken || !send_packet(c, LOCAL_END, "0", 1))
                connection_free(c);
}

static void answer_oom(Connection *c)
{
        (void) log_oom();
        connection_free(c);
}

/* mark: "", or what remote-answer.h knows. */
static void answer_error(Connection *c, const char *mark, const char *words)
{
        _cleanup_free_ char *text = strf("burnin-error %s%s\n", mark, words);

        if (text)
                answer(c, text);
        else
                answer_oom(c);
}

/* What asking again may mend is no word of the drive's. */
static void answer_failure(Connection *c, TruenasError e, const char *reason)
{
        answer_error(c, e == TRUENAS_REFUSED || e == TRUENAS_NO_SMART || e == TRUENAS_NO_API ? "" : "away: ",
                     reason);
}

static void answer_good(Connection *c, const char *body)
{
        _cleanup_free_ char *text = NULL;
        uint64_t now = now_usec(CLOCK_BOOTTIME);

        text = strf("burnin-answer selftest\nboot=truenas\nuptime=%" PRIu64 ".%06" PRIu64
                    "\nkname=%s\ntype=truenas\ntruenas=%zu\n\n%s\nburnin-end 0\n",
                    now / USEC_PER_SEC, now % USEC_PER_SEC, c->drive->kname, strlen(body), body);
        if (text)
                answer(c, text);
        else
                answer_oom(c);
}

static void on_read(TruenasError e, const char *reason, SelfTestReading *reading, void *userdata)
{
        _cleanup_free_ char *body = NULL;
        Connection *c = userdata;

        if (e != TRUENAS_OK)
                answer_failure(c, e, reason);
        else if (truenas_pack_reading(c->drive, reading, &body) < 0)
                answer_oom(c);
        else
                answer_good(c, body);
}

static int go_on_reading(Connection *c)
{
        return truenas_read_self_test(c->truenas, c->drive->kname, on_read, c);
}

static void on_started(TruenasError e, const char *reason, void *userdata)
{
        _cleanup_free_ char *body = NULL;
        Connection *c = userdata;

        if (e != TRUENAS_OK && e != TRUENAS_REFUSED)
                answer_failure(c, e, reason);
        else if (truenas_pack_start(e == TRUENAS_OK ? NULL : reason, &body) < 0)
                answer_oom(c);
        else
                answer_good(c, body);
}

static int go_on_starting(Connection *c)
{
        SelfTestKind kind = self_test_kind_from_string(c->words[WORD_TEST]);
        uint64_t not_after;

        if (parse_u64(c->words[WORD_NOT_AFTER], &not_after) < 0)
                return -EINVAL;
        if (now_usec(CLOCK_BOOTTIME) > not_after) {
                answer_error(c, "", "late: the start came after its time");
                return 0;
        }

        return truenas_start_self_test(c->truenas, c->drive->kname, c->identifier, kind, on_started, c);
}

static void on_aborted(TruenasError e, const char *reason, void *userdata)
{
        Connection *c = userdata;

        if (e != TRUENAS_OK)
                answer_failure(c, e, reason);
        else
                answer_good(c, "");
}

static int go_on_aborting(Connection *c)
{
        return truenas_abort_self_test(c->truenas, c->drive->kname, on_aborted, c);
}

static const Verb verbs[] = {
        { "selftest_read", WORD_TYPE + 2, go_on_reading },
        { "selftest_start", WORD_NOT_AFTER + 1, go_on_starting },
        { "selftest_abort", WORD_TYPE + 1, go_on_aborting },
};

/* 0; -ESTALE: none of them is it, or more than one. */
static int take_drive(Connection *c, TruenasDisks *disks)
{
        _cleanup_(drive_identity_done) DriveIdentity wanted = { 0 };
        _cleanup_json_ struct json_object *o = NULL;
        const char *text = c->words[WORD_IDENTITY];
        TruenasDisk *found = NULL;
        int r;

        r = json_parse(text, strlen(text), &o);
        if (r < 0)
                return r;
        r = drive_identity_from_json(o, &wanted);
        if (r < 0)
                return r;

        for (size_t i = 0; i < disks->n; i++) {
                if (!drive_identity_equal(&wanted, &disks->disks[i].facts->identity))
                        continue;
                if (found)
                        return -ESTALE;
                found = disks->disks + i;
        }
        if (!found)
                return -ESTALE;

        c->identifier = TAKE_PTR(found->identifier);
        c->drive = TAKE_PTR(found->facts);
        return 0;
}

static void on_identities(TruenasError e, const char *reason, TruenasFacts *facts, void *userdata)
{
        Connection *c = userdata;
        int r;

        if (e != TRUENAS_OK) {
                answer_failure(c, e, reason);
                return;
        }

        r = take_drive(c, &facts->disks);
        if (r == -ESTALE)
                answer_error(c, "stale: ", "no drive there has that identity, or more than one");
        else if (r >= 0)
                r = c->verb->go_on(c);
        if (r == -ENOMEM)
                answer_oom(c);
        else if (r < 0 && r != -ESTALE)
                answer_error(c, "", "the request makes no sense");
}

static const Verb *find_verb(char *const *words)
{
        size_t n = strv_length(words);

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (n == verbs[i].n_words && streq(words[WORD_VERB], verbs[i].name))
                        return verbs + i;

        return NULL;
}

static int take_request(Connection *c, const char *packet, size_t size)
{
        const Verb *verb;
        const Nas *n;
        int r;

        r = local_request_unpack(packet, size, &c->words);
        if (r < 0)
                return r;
        verb = find_verb(c->words);
        if (!verb) {
                answer_error(c, "", "an API has self-tests, and nothing else");
                return 0;
        }
        n = c->calls->find(c->words[WORD_HOST], c->calls->userdata);
        if (!n) {
                answer_error(c, "away: ",
                             "burnin-truenas has not been told about this host yet, or has no API key for it");
                return 0;
        }

        r = nas_open(n, &c->truenas);
        if (r < 0)
                return r;
        c->verb = verb;
        return truenas_list_identities(c->truenas, on_identities, c);
}

static int on_packet(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
        char packet[LOCAL_REQUEST_MAX + 1];
        Connection *c = userdata;
        ssize_t n;

        n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        /* Also who asks twice at once, and who asks nonsense. */
        if (n <= 0 || c->verb || take_request(c, packet, (size_t) n) < 0)
                connection_free(c);
        return 0;
}

static int on_connection(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
        _cleanup_(connection_freep) Connection *c = NULL;
        _cleanup_close_ int peer = -EBADF;
        Calls *calls = userdata;

        peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (peer < 0)
                return 0;
        c = new0(Connection, 1);
        if (!c || calls->n >= CONNECTIONS_MAX) {
                log_warning("Refused a connection: there are too many.");
                free(TAKE_PTR(c));
                return 0;
        }
        c->fd = TAKE_FD(peer);
        if (sd_event_add_io(calls->event, &c->source, c->fd, EPOLLIN, on_packet, c) < 0)
                return 0;

        c->calls = calls;
        DL_APPEND(calls->connections, c);
        calls->n++;
        TAKE_PTR(c);
        return 0;
}

int calls_new(sd_event *event, const char *path, calls_find_t find, void *userdata, Calls **ret)
{
        _cleanup_(calls_freep) Calls *c = new0(Calls, 1);
        int r;

        if (!c)
                return -ENOMEM;
        *c = (Calls){ .event = sd_event_ref(event), .find = find, .userdata = userdata };
        c->fd = listen_packets(path);
        if (c->fd < 0)
                return c->fd;
        r = sd_event_add_io(event, &c->source, c->fd, EPOLLIN, on_connection, c);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(c);
        return 0;
}

Calls *calls_free(Calls *c)
{
        if (!c)
                return NULL;

        while (c->connections)
                connection_free(c->connections);
        sd_event_source_disable_unref(c->source);
        safe_close(c->fd);
        sd_event_unref(c->event);
        free(c);
        return NULL;
}
