/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "basic/string-util.h"
#include "fuzz.h"
#include "parse/nvme.h"

/* Every parser on the same bytes, and a run's output in two parts: what it has said once it does not take back. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const char *text = (const char *) data;
        NvmeNamespaces n = { 0 };
        NvmeController c;
        NvmeSanitize s;
        EraseMethod m;
        EraseOutput half, whole;

        if (nvme_parse_controller(text, size, &c) >= 0 && nvme_sanitize_method(&c, &m))
                check((c.sanicap & 7) != 0 && erase_method_to_string(m));
        if (nvme_add_namespaces(&n, text, size) < 0)
                check(n.n == 0);
        check(n.n <= NVME_NAMESPACES_MAX);
        for (size_t i = 0; i < n.n; i++)
                check(n.nsid[i] > 0 && n.nsid[i] < UINT32_MAX);
        if (nvme_parse_sanitize(text, size, &s) >= 0)
                check(s.percent < 100 && (unsigned) s.state < _NVME_SANITIZE_STATE_MAX);

        if (erase_output_parse(text, size / 2, &half) < 0 || erase_output_parse(text, size, &whole) < 0)
                return 0;
        check(whole.percent <= 100 && whole.begun >= half.begun && whole.ended >= half.ended &&
              whole.done >= half.done);
        return 0;
}
