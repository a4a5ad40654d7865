// SPDX-License-Identifier: LGPL-2.1-or-later
import type { Evidence } from '../model';
import { VerdictLabel } from '../ui/status';

export function EvidenceTable({ evidence }: { evidence: Evidence[] }) {
        return (
                <table class="list ledger stack">
                        <thead><tr><th scope="col">Rule</th><th scope="col">Expected</th><th scope="col">Observed</th><th scope="col">Source</th><th scope="col">Verdict</th></tr></thead>
                        <tbody>
                                {evidence.map((line, index) => (
                                        <tr key={index}>
                                                <td class="nowrap lead">{line.rule}</td><td data-label="Expected">{line.expected}</td><td data-label="Observed">{line.observed}</td><td class="subtle">{line.source}</td>
                                                <td class="side"><VerdictLabel verdict={line.verdict} /></td>
                                        </tr>
                                ))}
                        </tbody>
                </table>
        );
}
