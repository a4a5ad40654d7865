/* SPDX-License-Identifier: LGPL-2.1-or-later */

#undef NDEBUG

#include "basic/string-util.h"
#include "test-util.h"
#include "worker/erase-judge.h"

#define DRIVE "nvme0n1 on nas1"

static void check_plan(const EraseReach *f, bool good, bool all, const char *words)
{
        _cleanup_(stage_report_done) StageReport r = { 0 };
        EraseMethod method = _ERASE_METHOD_INVALID;
        bool reaches_all = !all;
        int k;

        k = erase_plan(f, DRIVE, &r, &method, &reaches_all);
        assert(k == good);
        assert(r.verdict == (good ? VERDICT_PASSED : VERDICT_INCONCLUSIVE));
        if (good)
                assert(reaches_all == all && method >= 0 && r.n_evidence == 2 && !r.reason);
        else
                assert(method == _ERASE_METHOD_INVALID && strstr(r.reason, words) &&
                       startswith(r.reason, DRIVE) && strstr(r.reason, "nothing was written"));
}

static void test_plan(void)
{
        const EraseReach format = { .tool = true,
                                    .answered = true,
                                    .controller = { .oacs = 2 },
                                    .nsid = 1,
                                    .namespaces = { { 1 }, 1 },
                                    .allocated = true };
        EraseReach f = format;

        check_plan(&f, true, false, NULL);
        f.namespaces = (NvmeNamespaces){ { 1, 2 }, 2 };
        check_plan(&f, true, false, NULL);
        f.controller.fna = 2;
        check_plan(&f, false, true, "(1, 2), and only 1 is in this job");
        f.namespaces = (NvmeNamespaces){ { 2 }, 1 };
        check_plan(&f, false, true, "(2), and only 1 is in this job");
        f.namespaces = (NvmeNamespaces){ { 1 }, 1 };
        check_plan(&f, true, true, NULL);
        f.controller.cmic = 2;
        check_plan(&f, true, true, NULL);
        f.allocated = false;
        check_plan(&f, false, true, "does not list them");
        f.controller.cmic = 0;
        check_plan(&f, true, true, NULL);
        f.namespaces.n = 0;
        check_plan(&f, false, true, "does not list them");

        f = format;
        f.nsid = 0;
        check_plan(&f, false, false, "which namespace of its controller it is cannot be told");
        f = format;
        f.tool = false;
        check_plan(&f, false, false, "unsupported: nvme (package nvme-cli) is not installed");
        f = format;
        f.answered = false;
        check_plan(&f, false, false, "unsupported: it gives no answer as an NVMe controller");
        f = format;
        f.controller.oacs = 0xfffd;
        check_plan(&f, false, false, "unsupported: its controller has no Format NVM");

        /* A sanitize reaches all of it, always. */
        f = format;
        f.sanitize = true;
        check_plan(&f, false, true, "unsupported: its controller has no Sanitize");
        f.controller.sanicap = 2;
        check_plan(&f, true, true, NULL);
        f.namespaces = (NvmeNamespaces){ { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }, 10 };
        check_plan(&f, false, true, "(1, 2, 3, 4, 5, 6, 7, 8 and 2 more)");
}

static void check(const EraseFindings *f, Verdict verdict, const char *rule, const char *words)
{
        _cleanup_(stage_report_done) StageReport r = { 0 };
        const Evidence *worst = NULL;

        assert(erase_judge(f, &r) == 0);
        assert(r.verdict == verdict && (verdict == VERDICT_PASSED) == !r.reason);
        if (verdict == VERDICT_PASSED)
                return;
        for (size_t i = 0; i < r.n_evidence; i++)
                if (streq(r.evidence[i].rule, rule))
                        worst = r.evidence + i;
        assert(worst && worst->verdict == verdict);
        assert(strstr(r.reason, words) && startswith(r.reason, DRIVE));
}

static void test_judge(void)
{
        const EraseOutput erased = { .stamped = 32, .begun = true, .ended = true, .done = true, .zero = 32 };
        EraseOutput o = erased;
        EraseFindings f = {
                .drive = DRIVE, .end = ERASE_EXITED, .output = &o, .exclusive = true, .same = true
        };

        check(&f, VERDICT_PASSED, NULL, NULL);
        o = (EraseOutput){
                .stamped = 32, .begun = true, .ended = true, .done = true, .zero = 1, .one = 1, .other = 30
        };
        check(&f, VERDICT_PASSED, NULL, NULL);

        /* One block that is left is one too many; one that nobody counted proves nothing. */
        o = erased;
        o.zero = 31;
        check(&f, VERDICT_INCONCLUSIVE, "erased", "could not be read everywhere");
        o.unreadable = 1;
        check(&f, VERDICT_INCONCLUSIVE, "erased", "could not be read everywhere");
        o.unreadable = 0;
        o.kept = 1;
        check(&f, VERDICT_FAILED, "erased", "1 of 32 blocks that were written just before are still there");
        o = erased;
        o.stamped = 0;
        check(&f, VERDICT_INCONCLUSIVE, "erased", "could not be read everywhere");
        o = erased;
        o.done = false;
        check(&f, VERDICT_INCONCLUSIVE, "erased", "could not be read everywhere");

        o = (EraseOutput){ .stamped = 32, .begun = true, .ended = true, .status = 1 };
        f.words = "NVMe status: Invalid Format";
        check(&f, VERDICT_INCONCLUSIVE, "exit-status", "ended with status 1: NVMe status: Invalid Format");
        o.ended = false;
        check(&f, VERDICT_INCONCLUSIVE, "exit-status", "was cut off");
        o.begun = false;
        check(&f, VERDICT_INCONCLUSIVE, "exit-status", "was not begun");

        o = erased;
        f.exclusive = false;
        check(&f, VERDICT_INCONCLUSIVE, "exclusive", "not held exclusively");
        f.exclusive = true;
        f.same = false;
        f.identity = "another drive is in its place";
        check(&f, VERDICT_INCONCLUSIVE, "identity-after", "another drive is in its place");
        f.same = true;

        f.sanitize = true;
        check(&f, VERDICT_INCONCLUSIVE, "sanitize", "its log cannot be read");
        o.sanitized = o.understood = true;
        for (NvmeSanitizeState s = 0; s < _NVME_SANITIZE_STATE_MAX; s++) {
                o.sanitize.state = s;
                if (s == NVME_SANITIZE_DONE || s == NVME_SANITIZE_DONE_KEPT)
                        check(&f, VERDICT_PASSED, NULL, NULL);
                else
                        check(&f, s == NVME_SANITIZE_FAILED ? VERDICT_FAILED : VERDICT_INCONCLUSIVE,
                              "sanitize",
                              s == NVME_SANITIZE_FAILED ? "says that its sanitize failed"
                                                        : "not known to be complete");
        }
}

static void test_ends(void)
{
        EraseOutput o = { .stamped = 32, .begun = true };
        EraseFindings f = { .drive = DRIVE, .sanitize = true, .output = &o, .end_detail = "so it is" };

        for (EraseEnd end = ERASE_EXITED + 1; end < _ERASE_END_MAX; end++) {
                f.end = end;
                check(&f, VERDICT_INCONCLUSIVE,
                      end == ERASE_REFUSED                                  ? "start"
                      : end == ERASE_STALLED                                ? "work"
                      : end == ERASE_NO_CONTACT || end == ERASE_KEY_CHANGED ? "contact"
                                                                            : "run",
                      "so it is; the drive may go on sanitizing itself");
        }
}

int main(void)
{
        test_plan();
        test_judge();
        test_ends();
        return 0;
}
