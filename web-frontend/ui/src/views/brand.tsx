// SPDX-License-Identifier: LGPL-2.1-or-later
export function Brand({ size }: { size: number }) {
        return (
                <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden="true">
                        <rect width="32" height="32" rx="8" fill="#0066cc" />
                        <rect x="7" y="6" width="18" height="20" rx="3" fill="#fff" />
                        <circle cx="16" cy="14" r="5" fill="none" stroke="#0066cc" stroke-width="2" />
                        <circle cx="16" cy="14" r="1.4" fill="#0066cc" />
                        <rect x="10" y="21.6" width="12" height="2.2" rx="1.1" fill="#92c5f9" />
                        <rect x="10" y="21.6" width="7" height="2.2" rx="1.1" fill="#63993d" />
                </svg>
        );
}
