/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <stdio.h>

#include "basic/parse-util.h"
#include "basic/string-util.h"
#include "basic/strv.h"
#include "transport/remote-answer.h"

#define MARK_ANSWER "burnin-answer "
#define MARK_ERROR  "burnin-error "
#define MARK_END    "\nburnin-end "

/* As in the script. */
#define LOG_MAX          (256U * 1024U)
#define BLOCKS_MAX       (64U * 1024U)
#define KERNEL_LINES_MAX 200U
#define LINE_MAX_BYTES   512U
#define WORD_MAX_BYTES   1024U
#define AGENTS_MAX       16U

#define IDENT_CHARS ".:,/@+=_-"

static const char *const run_state_table[_RUN_STATE_MAX] = {
        [RUN_NONE] = "none",       [RUN_TOMBSTONE] = "tombstone", [RUN_STARTING] = "starting",
        [RUN_RUNNING] = "running", [RUN_EXITED] = "exited",       [RUN_REFUSED] = "refused",
        [RUN_LOST] = "lost",
};
DEFINE_STRING_TABLE(run_state, RunState);

static const char *const run_holder_table[_RUN_HOLDER_MAX] = {
        [RUN_HOLDER_HEAT] = "heat",
        [RUN_HOLDER_OPERATOR] = "operator",
};
DEFINE_STRING_TABLE(run_holder, RunHolder);

void run_status_done(RunStatus *s)
{
        for (size_t i = 0; i < ELEMENTSOF(s->paused); i++)
                free(s->paused[i]);
        free(s->refused);
        free(s->boot_id);
        free(s->run_boot_id);
        free(s->ident);
        free(s->log);
        free(s->blocks);
        free(s->content);
        *s = (RunStatus){};
}

void kernel_log_done(KernelLog *k)
{
        free(k->boot_id);
        strv_free(k->lines);
        *k = (KernelLog){};
}

void host_probe_done(HostProbe *p)
{
        free(p->boot_id);
        free(p->ident);
        free(p->kname);
        *p = (HostProbe){};
}

void remote_self_test_done(RemoteSelfTest *s)
{
        free(s->boot_id);
        free(s->kname);
        free(s->type);
        free(s->text);
        free(s->nvme);
        free(s->controller);
        free(s->truenas);
        *s = (RemoteSelfTest){};
}

void remote_nvme_done(RemoteNvme *n)
{
        free(n->kname);
        free(n->controller);
        free(n->attached);
        free(n->allocated);
        free(n->sanitize);
        *n = (RemoteNvme){};
}

/* --- the frame ----------------------------------------------------------------------------------------------- */

typedef struct Answer {
        const char *fields;
        size_t fields_size; /* with the newline of the last one */
        const char *body;
        size_t body_size;
} Answer;

/* The first line that begins with mark; sets the rest of it. */
static const char *find_line(const char *text, size_t size, const char *mark, size_t *ret_rest)
{
        const char *end = text + size, *p = text;
        size_t n = strlen(mark);

        while (p && (size_t) (end - p) >= n) {
                const char *newline = memchr(p, '\n', (size_t) (end - p));

                if (memcmp(p, mark, n) == 0) {
                        *ret_rest = (size_t) ((newline ?: end) - p) - n;
                        return p + n;
                }
                p = newline ? newline + 1 : NULL;
        }

        return NULL;
}

static int answer_fail(const char *output, size_t size, char **reterr_reason)
{
        const char *words;
        size_t n;
        int r = -EREMOTEIO;

        words = find_line(output, size, MARK_ERROR, &n);
        if (!words) {
                if (reterr_reason)
                        *reterr_reason = strdup("what it printed is no answer of burnin's script");
                return -EBADMSG;
        }

        if (n >= STRLEN("stale:") && memcmp(words, "stale:", STRLEN("stale:")) == 0)
                r = -ESTALE;
        else if (n >= STRLEN("busy:") && memcmp(words, "busy:", STRLEN("busy:")) == 0)
                r = -EBUSY;
        else if (n >= STRLEN("away: ") && memcmp(words, "away: ", STRLEN("away: ")) == 0) {
                r = -ENOTCONN;
                words += STRLEN("away: ");
                n -= STRLEN("away: ");
        }
        if (reterr_reason)
                *reterr_reason = str_clean(words, n, LINE_MAX_BYTES, false);
        return r;
}

static int answer_open(const char *output, size_t size, const char *verb, Answer *ret, char **reterr_reason)
{
        const char *p, *end = output + size, *last = NULL, *body;
        size_t n;

        p = find_line(output, size, MARK_ANSWER, &n);
        if (!p || n != strlen(verb) || memcmp(p, verb, n) != 0 || p + n == end)
                return answer_fail(output, size, reterr_reason);
        p += n; /* at the newline, so that an answer without fields has its empty line too */

        body = memmem(p, (size_t) (end - p), "\n\n", 2);
        if (!body)
                return answer_fail(output, size, reterr_reason);
        body += 2;

        /* The last one counts: what a log or a tool prints cannot end the answer early. */
        for (const char *q = body - 1;
             q < end && (q = memmem(q, (size_t) (end - q), MARK_END, STRLEN(MARK_END))); q++)
                last = q;
        if (!last)
                return answer_fail(output, size, reterr_reason);

        *ret = (Answer){
                .fields = p + 1,
                .fields_size = (size_t) (body - 1 - (p + 1)),
                .body = body,
                .body_size = last > body ? (size_t) (last - body) : 0,
        };
        return 0;
}

/* A copy of the first field KEY that is at most max bytes long, all of them from the ASCII letters, digits and charset (NULL:
 * made clean instead). 1; 0 where it is missing or empty. */
static int answer_string(const Answer *a, const char *key, const char *charset, size_t max, char **ret)
{
        char mark[32];
        const char *p;
        char *s;
        size_t n;

        (void) snprintf(mark, sizeof(mark), "%s=", key);
        p = find_line(a->fields, a->fields_size, mark, &n);
        if (!p || n == 0)
                return 0;
        if (n > max)
                return -EBADMSG;

        s = charset ? strndup(p, n) : str_clean(p, n, max, false);
        if (!s)
                return -ENOMEM;
        if (charset && (strlen(s) != n || !str_in_charset(s, charset, max))) {
                free(s);
                return -EBADMSG;
        }

        *ret = s;
        return 1;
}

static int answer_u64(const Answer *a, const char *key, uint64_t *ret)
{
        _cleanup_free_ char *s = NULL;
        int r;

        r = answer_string(a, key, "", 20, &s);
        if (r <= 0)
                return r;

        return parse_u64(s, ret) < 0 ? -EBADMSG : 1;
}

static int answer_flag(const Answer *a, const char *key, bool *ret)
{
        uint64_t u = 0;
        int r;

        r = answer_u64(a, key, &u);
        if (r < 0)
                return r;

        *ret = r > 0 && u == 1;
        return 0;
}

/* The first number of /proc/uptime: seconds, with two decimals. */
static int answer_uptime(const Answer *a, uint64_t *ret)
{
        _cleanup_free_ char *s = NULL;
        uint64_t sec, frac = 0, unit = USEC_PER_SEC / 10;
        char *p;
        int r;

        r = answer_string(a, "uptime", ". ", 64, &s);
        if (r < 0)
                return r;
        if (r == 0)
                return -EBADMSG;

        s[strcspn(s, " ")] = 0;
        p = strchr(s, '.');
        if (p)
                *p++ = 0;
        for (; p && *p >= '0' && *p <= '9' && unit > 0; p++, unit /= 10)
                frac += (uint64_t) (*p - '0') * unit;
        if (parse_u64(s, &sec) < 0 || sec > UINT64_MAX / USEC_PER_SEC / 2)
                return -EBADMSG;

        *ret = sec * USEC_PER_SEC + frac;
        return 0;
}

static int bad(char **reterr_reason)
{
        if (reterr_reason)
                *reterr_reason = strdup("a value in the answer of burnin's script is out of range");
        return -EBADMSG;
}

/* --- the verbs ----------------------------------------------------------------------------------------------- */

static int status_fields(const Answer *a, RunStatus *s, bool *ret_gone)
{
        _cleanup_free_ char *state = NULL, *temperature = NULL;
        uint64_t u = 0;
        int64_t i;
        int r;

        s->position = s->work_bytes = UINT64_MAX;
        s->temperature_mdegc = MDEGC_UNKNOWN;
        *ret_gone = false;

        if (answer_string(a, "state", "", 32, &state) <= 0)
                return -EBADMSG;
        r = run_state_from_string(state);
        if (r < 0)
                return -EBADMSG;
        s->state = r;

        r = answer_u64(a, "exit", &u);
        if (r < 0 || u > 255 || (r == 0 && s->state == RUN_EXITED))
                return -EBADMSG;
        s->exit_status = (int) u;

        r = answer_string(a, "temperature", "-", 12, &temperature);
        if (r < 0)
                return -EBADMSG;
        /* A sensor's nonsense is no reason to lose the run. */
        if (r > 0 && parse_i64(temperature, &i) >= 0 && i > -100000 && i < 300000)
                s->temperature_mdegc = (int32_t) i;

        if (answer_string(a, "refused", NULL, WORD_MAX_BYTES, &s->refused) < 0 ||
            (s->state == RUN_REFUSED) != !!s->refused ||
            answer_string(a, "boot", "-", 64, &s->boot_id) <= 0 ||
            answer_string(a, "run_boot", "-", 64, &s->run_boot_id) < 0 ||
            answer_string(a, "ident", IDENT_CHARS, WORD_MAX_BYTES, &s->ident) < 0 ||
            answer_string(a, "paused_heat", NULL, WORD_MAX_BYTES, &s->paused[RUN_HOLDER_HEAT]) < 0 ||
            answer_string(a, "paused_operator", NULL, WORD_MAX_BYTES, &s->paused[RUN_HOLDER_OPERATOR]) < 0 ||
            answer_uptime(a, &s->uptime_usec) < 0 || answer_u64(a, "position", &s->position) < 0 ||
            answer_u64(a, "work", &s->work_bytes) < 0 || answer_flag(a, "exclusive", &s->exclusive) < 0 ||
            answer_flag(a, "host_stops", &s->host_stops) < 0 || answer_flag(a, "stopped", &s->stopped) < 0 ||
            answer_flag(a, "dying", &s->dying) < 0 || answer_flag(a, "gone", ret_gone) < 0 ||
            answer_string(a, "content", "", 64, &s->content) < 0 ||
            (s->content && !content_is_valid(s->content)))
                return -EBADMSG;

        return 0;
}

static int copy_bytes(const char *data, size_t size, char **ret)
{
        char *p = malloc(size + 1);

        if (!p)
                return -ENOMEM;
        memcpy(p, data, size);
        p[size] = 0;

        *ret = p;
        return 0;
}

int answer_parse_status(const char *output, size_t size, RunStatus *ret, bool *ret_gone,
                        char **reterr_reason)
{
        _cleanup_(run_status_done) RunStatus s = {};
        uint64_t log_size = 0, blocks_size = 0;
        bool gone = false;
        Answer a;
        int r;

        r = answer_open(output, size, "status", &a, reterr_reason);
        if (r < 0)
                return r;
        if (status_fields(&a, &s, &gone) < 0 || answer_u64(&a, "log", &log_size) < 0 ||
            answer_u64(&a, "blocks", &blocks_size) < 0 || log_size > LOG_MAX || blocks_size > BLOCKS_MAX ||
            log_size + blocks_size != a.body_size)
                return bad(reterr_reason);

        s.log_size = (size_t) log_size;
        s.blocks_size = (size_t) blocks_size;
        r = copy_bytes(a.body, s.log_size, &s.log);
        if (r >= 0)
                r = copy_bytes(a.body + s.log_size, s.blocks_size, &s.blocks);
        if (r < 0)
                return r;

        if (ret_gone)
                *ret_gone = gone;
        *ret = s;
        s = (RunStatus){};
        return 0;
}

int answer_parse_kernel_log(const char *output, size_t size, KernelLog *ret, char **reterr_reason)
{
        _cleanup_(kernel_log_done) KernelLog k = {};
        const char *p, *end;
        size_t n = 0;
        Answer a;
        int r;

        r = answer_open(output, size, "kmsg", &a, reterr_reason);
        if (r < 0)
                return r;
        if (answer_string(&a, "boot", "-", 64, &k.boot_id) <= 0 || answer_u64(&a, "first", &k.first) < 0 ||
            answer_u64(&a, "last", &k.last) < 0 || k.first > k.last)
                return bad(reterr_reason);

        end = a.body + a.body_size;
        for (p = a.body; p < end && n < KERNEL_LINES_MAX;) {
                const char *e = memchr(p, '\n', (size_t) (end - p)) ?: end;

                if (e > p) {
                        r = strv_consume(&k.lines, str_clean(p, (size_t) (e - p), LINE_MAX_BYTES, false));
                        if (r < 0)
                                return r;
                        n++;
                }
                p = e + 1;
        }

        *ret = k;
        k = (KernelLog){};
        return 0;
}

int answer_parse_probe(const char *output, size_t size, HostProbe *ret, char **reterr_reason)
{
        _cleanup_(host_probe_done) HostProbe p = {};
        uint64_t sector = 0;
        Answer a;
        int r;

        r = answer_open(output, size, "probe", &a, reterr_reason);
        if (r < 0)
                return r;
        if (answer_string(&a, "boot", "-", 64, &p.boot_id) <= 0 || answer_uptime(&a, &p.uptime_usec) < 0 ||
            answer_string(&a, "kname", "-_", 32, &p.kname) < 0 ||
            answer_string(&a, "ident", IDENT_CHARS, WORD_MAX_BYTES, &p.ident) < 0 || !p.kname != !p.ident ||
            (p.kname && !kname_is_valid(p.kname)) || answer_flag(&a, "badblocks", &p.have_badblocks) < 0 ||
            answer_flag(&a, "smartctl", &p.have_smartctl) < 0 ||
            answer_flag(&a, "systemd", &p.have_systemd) < 0 ||
            answer_u64(&a, "kmsg", &p.kernel_log_seq) < 0 || answer_u64(&a, "sector", &sector) < 0)
                return bad(reterr_reason);
        if (sector <= UINT32_MAX && (sector & (sector - 1)) == 0)
                p.sector_size = (uint32_t) sector;

        *ret = p;
        p = (HostProbe){};
        return 0;
}

int answer_parse_smart(const char *output, size_t size, const char **ret, size_t *ret_size,
                       char **reterr_reason)
{
        Answer a;
        int r;

        r = answer_open(output, size, "smart", &a, reterr_reason);
        if (r < 0)
                return r;

        *ret = a.body;
        *ret_size = a.body_size;
        return 0;
}

int answer_parse_agent(const char *output, size_t size, char **ret_machine, char **ret_directory,
                       char ***ret_agents, char **reterr_reason)
{
        _cleanup_free_ char *machine = NULL, *directory = NULL;
        _cleanup_strv_free_ char **agents = NULL;
        Answer a, rest;
        int r;

        r = answer_open(output, size, "agent", &a, reterr_reason);
        if (r < 0)
                return r;
        if (answer_string(&a, "machine", "_", 32, &machine) <= 0 ||
            answer_string(&a, "bin", "/-", 64, &directory) <= 0)
                return bad(reterr_reason);

        rest = a;
        for (size_t i = 0; i < AGENTS_MAX; i++) {
                _cleanup_free_ char *digest = NULL;
                const char *p;
                size_t n;

                r = answer_string(&rest, "agent", "", 64, &digest);
                if (r < 0)
                        return bad(reterr_reason);
                if (r == 0)
                        break;
                p = find_line(rest.fields, rest.fields_size, "agent=", &n) + n;
                rest.fields_size -= (size_t) (p - rest.fields);
                rest.fields = p;
                r = strv_consume(&agents, TAKE_PTR(digest));
                if (r < 0)
                        return r;
        }

        *ret_machine = TAKE_PTR(machine);
        *ret_directory = TAKE_PTR(directory);
        *ret_agents = TAKE_PTR(agents);
        return 0;
}

int answer_parse_fingerprint(const char *output, size_t size, char **ret_content, char **reterr_reason)
{
        _cleanup_free_ char *content = NULL;
        Answer a;
        int r;

        r = answer_open(output, size, "fingerprint", &a, reterr_reason);
        if (r < 0)
                return r;
        if (answer_string(&a, "content", "", 64, &content) <= 0 || !content_is_valid(content))
                return bad(reterr_reason);

        *ret_content = TAKE_PTR(content);
        return 0;
}

/* Of the body, from *offset on, the part that key gives the size of. */
static int answer_part(const Answer *a, const char *key, size_t *offset, char **ret, size_t *ret_size)
{
        uint64_t n = 0;

        if (answer_u64(a, key, &n) < 0 || n > a->body_size - *offset)
                return -EBADMSG;
        if (copy_bytes(a->body + *offset, (size_t) n, ret) < 0)
                return -ENOMEM;

        *ret_size = (size_t) n;
        *offset += (size_t) n;
        return 0;
}

int answer_parse_self_test(const char *output, size_t size, RemoteSelfTest *ret, char **reterr_reason)
{
        _cleanup_(remote_self_test_done) RemoteSelfTest s = {};
        uint64_t alive = 2;
        size_t offset = 0;
        Answer a;
        int r;

        r = answer_open(output, size, "selftest", &a, reterr_reason);
        if (r < 0)
                return r;
        if (answer_string(&a, "boot", "-", 64, &s.boot_id) <= 0 || answer_uptime(&a, &s.uptime_usec) < 0 ||
            answer_string(&a, "kname", "-_", 32, &s.kname) <= 0 || !kname_is_valid(s.kname) ||
            answer_string(&a, "type", "-", 32, &s.type) <= 0 || answer_u64(&a, "alive", &alive) < 0)
                return bad(reterr_reason);
        s.keep_alive_failed = alive == 0;

        if ((r = answer_part(&a, "smartctl", &offset, &s.text, &s.size)) < 0 ||
            (r = answer_part(&a, "nvme", &offset, &s.nvme, &s.nvme_size)) < 0 ||
            (r = answer_part(&a, "controller", &offset, &s.controller, &s.controller_size)) < 0 ||
            (r = answer_part(&a, "truenas", &offset, &s.truenas, &s.truenas_size)) < 0)
                return r == -ENOMEM ? r : bad(reterr_reason);
        if (offset != a.body_size)
                return bad(reterr_reason);

        *ret = s;
        s = (RemoteSelfTest){};
        return 0;
}

int answer_parse_nvme(const char *output, size_t size, RemoteNvme *ret, char **reterr_reason)
{
        _cleanup_(remote_nvme_done) RemoteNvme n = {};
        uint64_t nsid = 0;
        size_t offset = 0;
        Answer a;
        int r;

        r = answer_open(output, size, "nvme", &a, reterr_reason);
        if (r < 0)
                return r;
        if (answer_string(&a, "kname", "-_", 32, &n.kname) <= 0 || !kname_is_valid(n.kname) ||
            answer_flag(&a, "tool", &n.tool) < 0 || answer_u64(&a, "nsid", &nsid) < 0 || nsid > UINT32_MAX)
                return bad(reterr_reason);
        n.nsid = (uint32_t) nsid;

        if ((r = answer_part(&a, "controller", &offset, &n.controller, &n.controller_size)) < 0 ||
            (r = answer_part(&a, "attached", &offset, &n.attached, &n.attached_size)) < 0 ||
            (r = answer_part(&a, "allocated", &offset, &n.allocated, &n.allocated_size)) < 0 ||
            (r = answer_part(&a, "sanitize", &offset, &n.sanitize, &n.sanitize_size)) < 0)
                return r == -ENOMEM ? r : bad(reterr_reason);
        if (offset != a.body_size)
                return bad(reterr_reason);

        *ret = n;
        n = (RemoteNvme){};
        return 0;
}

int answer_parse_empty(const char *output, size_t size, const char *verb, char **reterr_reason)
{
        Answer a;

        return answer_open(output, size, verb, &a, reterr_reason);
}
