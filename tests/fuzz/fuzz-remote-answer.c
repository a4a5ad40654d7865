/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Every answer parser on the same bytes; what one of them accepts must keep its promises. */

#undef NDEBUG
#include <assert.h>

#include "basic/strv.h"
#include "transport/remote-answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_(run_status_done) RunStatus s = {};
        _cleanup_(kernel_log_done) KernelLog k = {};
        _cleanup_(host_probe_done) HostProbe p = {};
        _cleanup_free_ char *machine = NULL, *directory = NULL, *content = NULL, *reason = NULL;
        _cleanup_strv_free_ char **agents = NULL;
        const char *text = (const char *) data, *json;
        _cleanup_(remote_self_test_done) RemoteSelfTest self_test = {};
        _cleanup_(remote_nvme_done) RemoteNvme nvme = {};
        size_t json_size;
        bool gone;

        if (answer_parse_status(text, size, &s, &gone, NULL) >= 0)
                assert(s.boot_id && s.log && s.blocks && s.log[s.log_size] == 0 &&
                       (s.state == RUN_REFUSED) == !!s.refused &&
                       (!s.content || content_is_valid(s.content)));
        if (answer_parse_kernel_log(text, size, &k, NULL) >= 0)
                assert(k.first <= k.last && strv_length(k.lines) <= 200);
        if (answer_parse_probe(text, size, &p, NULL) >= 0)
                assert(p.boot_id && !p.kname == !p.ident);
        if (answer_parse_smart(text, size, &json, &json_size, NULL) >= 0)
                assert(json >= text && json + json_size <= text + size);
        (void) answer_parse_agent(text, size, &machine, &directory, &agents, NULL);
        if (answer_parse_fingerprint(text, size, &content, NULL) >= 0)
                assert(strlen(content) == 64);
        if (answer_parse_self_test(text, size, &self_test, NULL) >= 0)
                assert(self_test.boot_id && kname_is_valid(self_test.kname) && self_test.type &&
                       self_test.text[self_test.size] == 0);
        if (answer_parse_nvme(text, size, &nvme, NULL) >= 0)
                assert(kname_is_valid(nvme.kname) && nvme.controller[nvme.controller_size] == 0 &&
                       nvme.sanitize[nvme.sanitize_size] == 0);
        (void) answer_parse_empty(text, size, "remove", &reason);

        return 0;
}
