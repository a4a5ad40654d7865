/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "worker/erase-judge.h"
#include "worker/report.h"

#define NAMESPACES_SHOWN 8U

/* --- before ---------------------------------------------------------------------------------------------------- */

static const char *command_name(bool sanitize)
{
        return sanitize ? "Sanitize" : "Format NVM";
}

static bool choose_method(const EraseReach *f, EraseMethod *ret)
{
        if (f->sanitize)
                return nvme_sanitize_method(&f->controller, ret);

        *ret = ERASE_FORMAT;
        return nvme_has_format(&f->controller);
}

static int plan_support(const EraseReach *f, const char *drive, StageReport *r, EraseMethod *ret_method)
{
        const char *name = command_name(f->sanitize), *what = NULL;
        bool supported = false;
        int k;

        if (!f->tool)
                what = "nvme (package nvme-cli) is not installed on the host";
        else if (!f->answered)
                what = "it gives no answer as an NVMe controller";
        else
                supported = choose_method(f, ret_method);

        k = report_line(r, supported ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "supported", "nvme id-ctrl",
                        strdup(name),
                        what           ? strdup(what)
                        : !f->sanitize ? strf("%s (OACS 0x%x)", supported ? "format" : "unsupported",
                                              f->controller.oacs)
                        : supported    ? strf("%s (SANICAP 0x%x)", erase_method_to_string(*ret_method),
                                              f->controller.sanicap)
                                       : strf("unsupported (SANICAP 0x%x)", f->controller.sanicap),
                        supported ? NULL
                        : what    ? strf("%s: unsupported: %s; nothing was written", drive, what)
                                  : strf("%s: unsupported: its controller has no %s; nothing was written",
                                         drive, name));
        return k < 0 ? k : supported;
}

static char *list_namespaces(const NvmeNamespaces *n)
{
        char *s = strdup("");

        for (size_t i = 0; s && i < MIN(n->n, (size_t) NAMESPACES_SHOWN); i++) {
                char *longer = strf("%s%s%u", s, i > 0 ? ", " : "", n->nsid[i]);

                free(s);
                s = longer;
        }
        if (s && n->n > NAMESPACES_SHOWN) {
                char *longer = strf("%s and %zu more", s, n->n - NAMESPACES_SHOWN);

                free(s);
                s = longer;
        }

        return s;
}

static int plan_namespaces(const EraseReach *f, const char *drive, bool all, StageReport *r)
{
        const char *name = command_name(f->sanitize);
        _cleanup_free_ char *list = list_namespaces(&f->namespaces);
        bool alone = f->namespaces.n == 1 && f->namespaces.nsid[0] == f->nsid;
        char *observed, *why = NULL;
        bool good = false;
        int k;

        if (!list)
                return -ENOMEM;

        if (f->nsid == 0) {
                observed = strdup("not known");
                why = strf("%s: which namespace of its controller it is cannot be told; nothing was written",
                           drive);
        } else if (!all) {
                good = true;
                observed = strf("namespace %u alone (FNA 0x%x)", f->nsid, f->controller.fna);
        } else if (f->namespaces.n == 0 || (nvme_is_shared(&f->controller) && !f->allocated)) {
                observed = strdup("the whole subsystem, whose namespaces are not known");
                why = strf("%s: %s would erase every namespace of its subsystem, and its controller does not list them; "
                           "nothing was written",
                           drive, name);
        } else {
                good = alone;
                observed = strf("the whole subsystem: namespace%s %s", f->namespaces.n == 1 ? "" : "s",
                                list);
                why = alone ? NULL
                            : strf("%s: %s would erase every namespace of its subsystem (%s), and only %u is in this job; "
                                   "nothing was written",
                                   drive, name, list, f->nsid);
        }

        k = report_line(r, good ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "namespaces",
                        all ? "nvme list-ns" : "nvme id-ctrl", strdup("no other namespace is erased"),
                        observed, why);
        return k < 0 ? k : good;
}

int erase_plan(const EraseReach *f, const char *drive, StageReport *r, EraseMethod *ret_method,
               bool *ret_all)
{
        EraseMethod method = ERASE_FORMAT;
        bool all;
        int k;

        k = plan_support(f, drive, r, &method);
        if (k <= 0)
                return k;
        all = method != ERASE_FORMAT || nvme_format_reaches_all(&f->controller);
        k = plan_namespaces(f, drive, all, r);
        if (k <= 0)
                return k;

        *ret_method = method;
        *ret_all = all;
        return 1;
}

/* --- afterwards ------------------------------------------------------------------------------------------------ */

static int judge_end(const EraseFindings *f, StageReport *r)
{
        static const struct {
                const char *rule, *words;
        } ends[_ERASE_END_MAX] = {
                [ERASE_REFUSED] = { "start",
                                    "the host refused the start, nothing was written to the drive" },
                [ERASE_REBOOTED] = { "run", "the host was rebooted, which ended the run" },
                [ERASE_LOST] = { "run", "the run was killed on its host by something else" },
                [ERASE_MISSING] = { "run",
                                    "the host knows nothing of this run, so nobody can say what it did" },
                [ERASE_STALLED] = { "work",
                                    "there was no sign of work for too long, and the run was ended" },
                [ERASE_NO_CONTACT] = { "contact", "the host could not be reached for too long" },
                [ERASE_KEY_CHANGED] = { "contact", "another host key is offered in the host's name" },
                [ERASE_NONSENSE] = { "run", "the host's answers make no sense" },
        };
        const char *detail = strempty(f->end_detail), *goes_on = "";

        assert(f->end > ERASE_EXITED && f->end < _ERASE_END_MAX);

        if (f->output->begun && !f->output->done)
                goes_on = f->sanitize ? "; the drive may go on sanitizing itself"
                                      : "; the drive may be half formatted";

        return report_line(r, VERDICT_INCONCLUSIVE, ends[f->end].rule, "host",
                           strdup("the run comes to its end"),
                           strf("%s%s%s%s", ends[f->end].words, *detail ? ": " : "", detail, goes_on),
                           strf("%s: %s%s%s%s", f->drive, ends[f->end].words, *detail ? ": " : "", detail,
                                goes_on));
}

static int judge_exit(const EraseFindings *f, StageReport *r)
{
        const EraseOutput *o = f->output;
        const char *name = command_name(f->sanitize),
                   *words = isempty(f->words) ? "no reason given" : f->words;
        bool good = o->ended && o->status == 0;

        return report_line(r, good ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "exit-status", "nvme",
                           strf("%s: 0", name), o->ended ? strf("%u", o->status) : strdup("not begun"),
                           good       ? NULL
                           : o->ended ? strf("%s: %s ended with status %u: %s", f->drive, name, o->status,
                                             words)
                           : o->begun ? strf("%s: %s was cut off: %s", f->drive, name, words)
                                      : strf("%s: %s was not begun: %s", f->drive, name, words));
}

static int judge_sanitize(const EraseFindings *f, StageReport *r)
{
        static const struct {
                const char *words;
                Verdict verdict;
        } states[_NVME_SANITIZE_STATE_MAX] = {
                [NVME_SANITIZE_NEVER] = { "never sanitized", VERDICT_INCONCLUSIVE },
                [NVME_SANITIZE_DONE] = { "completed", VERDICT_PASSED },
                [NVME_SANITIZE_RUNNING] = { "still in progress", VERDICT_INCONCLUSIVE },
                [NVME_SANITIZE_FAILED] = { "failed", VERDICT_FAILED },
                [NVME_SANITIZE_DONE_KEPT] = { "completed, nothing was deallocated", VERDICT_PASSED },
        };
        const EraseOutput *o = f->output;
        Verdict v = o->understood ? states[o->sanitize.state].verdict : VERDICT_INCONCLUSIVE;
        const char *words = o->understood ? states[o->sanitize.state].words : "its log cannot be read";

        return report_line(
                        r, v, "sanitize", "nvme sanitize-log", strdup("completed"), strdup(words),
                        v == VERDICT_PASSED ? NULL
                        : v == VERDICT_FAILED
                                        ? strf("%s: the drive says that its sanitize failed; until one succeeds it "
                                               "may refuse to be read and written",
                                               f->drive)
                                        : strf("%s: the sanitize is not known to be complete: %s", f->drive,
                                               words));
}

static int judge_erased(const EraseFindings *f, StageReport *r)
{
        const EraseOutput *o = f->output;
        uint64_t seen = (uint64_t) o->kept + o->zero + o->one + o->other + o->unreadable;
        bool all = o->done && o->stamped == ERASE_STAMPS && seen == ERASE_STAMPS;
        bool kept = o->done && o->kept > 0;
        bool good = all && !kept && o->unreadable == 0;

        return report_line(
                        r,
                        kept   ? VERDICT_FAILED
                        : good ? VERDICT_PASSED
                               : VERDICT_INCONCLUSIVE,
                        "erased", "host",
                        strf("none of the %u blocks that were written just before is there any more",
                             ERASE_STAMPS),
                        o->done ? strf("%u still there, %u read as zeros, %u as ones, %u as something else, %u unreadable",
                                       o->kept, o->zero, o->one, o->other, o->unreadable)
                                : strdup("not read again"),
                        good ? NULL
                        : kept ? strf("%s: the drive says that it erased itself, but %u of %u blocks that were written just "
                                      "before are still there",
                                      f->drive, o->kept, ERASE_STAMPS)
                               : strf("%s: what it holds now could not be read everywhere, so nobody can say that it is erased",
                                      f->drive));
}

static int judge_held(const EraseFindings *f, StageReport *r)
{
        int k;

        k = report_line(r, f->exclusive ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "exclusive", "host",
                        strdup("the device is held for the run alone"),
                        strdup(f->exclusive ? "held" : "not exclusive"),
                        f->exclusive ? NULL
                                     : strf("%s: the device was not held exclusively, something else may have used it",
                                            f->drive));
        if (k < 0)
                return k;

        return report_line(r, f->same ? VERDICT_PASSED : VERDICT_INCONCLUSIVE, "identity-after", "sysfs",
                           strdup("the same drive"), strdup(f->same ? "the same drive" : f->identity),
                           f->same ? NULL : strf("%s: afterwards, %s", f->drive, f->identity));
}

int erase_judge(const EraseFindings *f, StageReport *r)
{
        const EraseOutput *o = f->output;
        int k;

        if (f->end != ERASE_EXITED) {
                k = judge_end(f, r);
                if (k < 0)
                        return k;
        } else {
                k = judge_exit(f, r);
                if (k >= 0 && f->sanitize && o->ended && o->status == 0)
                        k = judge_sanitize(f, r);
                if (k >= 0 && o->ended && o->status == 0)
                        k = judge_erased(f, r);
                if (k >= 0)
                        k = judge_held(f, r);
                if (k < 0)
                        return k;
        }

        r->verdict = stage_report_judge(r);
        return 0;
}
