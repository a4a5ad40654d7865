// SPDX-License-Identifier: LGPL-2.1-or-later
import type { Drive } from '../model';
import { theApi } from '../store';
import { Dialog } from '../ui/dialog';
import { toast } from '../ui/toast';

export function ForgetDialog({ drive }: { drive: Drive }) {
        return (
                <Dialog title="Forget this drive?" action="Forget" danger
                        onAction={async () => {
                                await theApi().forget(drive.id);
                                toast('info', `${drive.model} ${drive.serial} was forgotten`);
                        }}>
                        <p>{drive.model} <code>{drive.serial}</code> is missing. Its location, notes and readings go; its jobs and the audit stay.</p>
                </Dialog>
        );
}
