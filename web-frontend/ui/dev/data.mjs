// SPDX-License-Identifier: LGPL-2.1-or-later
// Drives, jobs and hosts that never were, the same ones each time, and some of them hostile.
const SECOND = 1e6, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
export const nowUsec = () => Date.now() * 1000;

function random(seed) {
        return () => {
                seed = (seed * 1664525 + 1013904223) >>> 0;
                return seed / 2 ** 32;
        };
}

const models = [
        ['ST16000NM001G-2KK103', 16000900661248, true, 'sata'], ['WDC WUH721818ALE6L4', 18000207937536, true, 'sata'],
        ['TOSHIBA MG09ACA18TE', 18000207937536, true, 'sata'], ['HGST HUH728080AL5200', 8001563222016, true, 'sas'],
        ['SAMSUNG MZ7L33T8HBLT-00A07', 3840755982336, false, 'sata'], ['KIOXIA KCD61LUL7T68', 7681501126656, false, 'nvme'],
        ['ST4000VN008-2DR166', 4000787030016, true, 'sata'], ['WDC WD40EFRX-68N32N0', 4000787030016, true, 'sata'],
];
const hostile = `<img src=x onerror="document.title='owned'">`;
const locks = [
        ['existing-data', 'ext4 "backup-2021" on partition 1', false], ['exported-pool', 'ZFS pool "vault", exported from another system', false],
        ['mounted', 'XFS mounted on /srv/media', true], ['active-pool', 'ZFS pool "tank" (raidz2-0), ONLINE', true],
        ['boot-pool', 'ZFS pool "boot-pool"', true], ['storage-member', 'Linux RAID member of /dev/md0', true],
        ['remnant', 'A process of job 12 may still write to it', true],
];

const idle = { state: 'idle', percent: -1, estimated: false, eta_usec: 0, words: '', lba: -1, ended_usec: 0 };
const letters = (n) => (n >= 26 ? letters(Math.floor(n / 26) - 1) : '') + String.fromCharCode(97 + n % 26);

function host(index, rest = {}) {
        const local = index === 0;
        return {
                name: local ? 'bench' : `nas-${String(index).padStart(2, '0')}`, address: local ? '' : `192.0.2.${10 + index % 240}`, port: local ? 0 : 22, user: local ? '' : 'root',
                kind: local ? 'local' : 'ssh', notes: '', api_url: '', api_pin: '', api_verify: true, api_state: '', api_reason: '', state: 'online', state_reason: '',
                last_seen_usec: nowUsec() - 20 * SECOND, hung_polls: 0, detection_state: 'ok', host_key_fingerprint: local ? '' : 'SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU',
                seen_host_key_fingerprint: local ? '' : 'SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU', operating_system: 'Debian GNU/Linux 12 (bookworm)', missing_tools: '', drives: 0, ...rest,
        };
}

const phaseNames = ['0xaa', '0x55', '0xff', '0x00'].flatMap((pattern) => [`Write ${pattern}`, `Verify ${pattern}`]);

function stage(job, index, kind, rest = {}) {
        return {
                job, index, kind, state: 'pending', verdict: '', reason: '', percent: 0, phase: 0, phases: kind === 'surface_validate' ? 8 : 0, phase_name: '', phase_percent: 0,
                phase_history: [], bytes_per_second: 0, bad_blocks: 0, bad_block_list: [], read_errors: 0, write_errors: 0, compare_errors: 0, temperature_mdegc: null,
                temperature_min_mdegc: null, temperature_max_mdegc: null, work_bytes: 0, eta_usec: 0, contact: '', paused: '', stalled: '', attempt: 0, run_id: '', started_usec: 0,
                finished_usec: 0, unit: `burnin-job${job}-${kind}.scope`, evidence: [], ...rest,
        };
}

const done = (started, usec, verdict = 'passed', rest = {}) => ({ state: 'done', verdict, percent: 100, started_usec: started, finished_usec: started + usec, attempt: 1, evidence: [
        { rule: 'contact', expected: 'the host answers', observed: 'it does', source: 'ssh', verdict: 'passed' },
        { rule: 'identity', expected: 'wwn-0x5000c500a0000001', observed: 'wwn-0x5000c500a0000001', source: 'sysfs', verdict: 'passed' },
        { rule: 'smart-health', expected: 'PASSED', observed: 'PASSED', source: 'smartctl', verdict: 'passed' }], ...rest });

const surfaceEvidence = (bad) => [
        { rule: 'exit-status', expected: '0', observed: '0', source: 'badblocks', verdict: 'passed' },
        { rule: 'bad-blocks', expected: '0', observed: String(bad), source: 'badblocks', verdict: bad ? 'failed' : 'passed' },
        { rule: 'kernel-log', expected: 'no error of this drive', observed: bad ? 'critical medium error, dev sdb, sector 81271928' : 'none', source: 'journal of the host', verdict: bad ? 'failed' : 'passed' },
        { rule: 'coverage', expected: '16.0 TB in each of 8 phases', observed: '16.0 TB in 8 phases', source: 'badblocks', verdict: 'passed' },
        { rule: 'work', expected: 'at least 128 TB', observed: '128.01 TB', source: '/proc/diskstats', verdict: 'passed' },
        { rule: 'speed-floor', expected: 'no region below 20 MB/s', observed: '118 MB/s in region 63', source: 'looks', verdict: 'passed' },
        { rule: 'identity-after', expected: 'the same drive', observed: 'the same drive', source: 'sysfs', verdict: 'passed' }];

function runningSurface(job, phase, percent, rest = {}) {
        const began = nowUsec() - phase * 9 * HOUR;
        return stage(job, 3, 'surface_validate', {
                state: 'running', percent: phase === 0 ? 0 : (phase - 1 + percent / 100) * 12.5, phase, phase_name: phaseNames[phase - 1] ?? '', phase_percent: percent,
                phase_history: phaseNames.slice(0, phase).map((name, index) => ({ number: index + 1, name, started_usec: began + index * 9 * HOUR })),
                bytes_per_second: phase ? 214e6 : 0, temperature_mdegc: 41000, temperature_min_mdegc: 31000, temperature_max_mdegc: 44000, work_bytes: phase * 16e12, eta_usec: nowUsec() + (8 - phase + 1) * 9 * HOUR,
                started_usec: phase ? began : nowUsec() - 3 * SECOND, attempt: 1, run_id: '3f0c5d1be7a94c0f', ...rest,
        });
}

export function makeJob(id, drive, rest = {}) {
        return {
                id, kind: 'burn-in', drive_id: drive.id, host: drive.host, serial: drive.serial, model: drive.model, profile: 'full', state: 'queued', verdict: '', reason: '', current_stage: null, percent: 0,
                eta_usec: 0, priority: 0, queued_until_usec: 0, calendar: '', paused_by: '', paused_usec: 0, operator: 'alice (web)', unlocked: '', unlocked_pool: '', unlocked_by: '', unlock_reason: '',
                note: id % 3 === 0 ? 'Returned by the customer, clicks now and then' : '', created_usec: nowUsec() - 2 * DAY, started_usec: 0, finished_usec: 0, unit: `burnin-job${id}.slice`, stages: [], ...rest,
        };
}

export function startedJob(id, drive, surface, rest = {}) {
        const began = surface.started_usec - 20 * HOUR;
        return makeJob(id, drive, {
                state: 'running', current_stage: 'surface_validate', percent: 20 + surface.percent * 0.7, eta_usec: surface.eta_usec + HOUR, started_usec: began,
                stages: [stage(id, 0, 'precheck', done(began, 4 * SECOND)), stage(id, 1, 'short_smart', done(began + 5 * SECOND, 2 * MINUTE)), stage(id, 2, 'long_smart', done(began + 3 * MINUTE, 19 * HOUR)),
                        surface, stage(id, 4, 'final_check')], ...rest,
        });
}

function endedJob(id, drive, verdict, agoUsec) {
        const finished = nowUsec() - agoUsec, bad = verdict === 'failed' ? 17 : 0;
        const reason = { passed: '', failed: '17 bad blocks were found, the first at block 10158991.', inconclusive: 'The host was restarted while the surface was validated; its boot id is another one.', cancelled: 'Cancelled by alice (web): wrong drive.' }[verdict];
        const surface = stage(id, 3, 'surface_validate', {
                ...done(finished - 72 * HOUR, 71 * HOUR, verdict, { reason, evidence: surfaceEvidence(bad) }), phase: verdict === 'passed' || bad ? 8 : 5, phase_name: verdict === 'passed' || bad ? 'Verify 0x00' : 'Write 0xff', phase_percent: verdict === 'passed' || bad ? 100 : 31,
                phase_history: phaseNames.slice(0, verdict === 'passed' || bad ? 8 : 5).map((name, index) => ({ number: index + 1, name, started_usec: finished - 72 * HOUR + index * 9 * HOUR })), bad_blocks: bad,
                bad_block_list: bad ? Array.from({ length: 17 }, (_, index) => 10158991 + index * 8) : [], read_errors: bad, temperature_min_mdegc: 29000, temperature_max_mdegc: 47000, work_bytes: 128.01e12, bytes_per_second: 0,
        });
        const began = finished - 92 * HOUR;
        return makeJob(id, drive, {
                state: 'done', verdict, reason, percent: 100, created_usec: began - HOUR, started_usec: began, finished_usec: finished,
                stages: [stage(id, 0, 'precheck', done(began, 4 * SECOND)), stage(id, 1, 'short_smart', done(began + 5 * SECOND, 2 * MINUTE)), stage(id, 2, 'long_smart', done(began + 3 * MINUTE, 19 * HOUR)), surface,
                        stage(id, 4, 'final_check', verdict === 'passed' || bad ? done(finished - 10 * SECOND, 5 * SECOND, bad ? 'failed' : 'passed', { evidence: [
                                { rule: 'reallocated', expected: 'not more than 0', observed: bad ? '17' : '0', source: 'smartctl', verdict: bad ? 'failed' : 'passed' }, { rule: 'pending', expected: 'not more than 0', observed: '0', source: 'smartctl', verdict: 'passed' }] }) : { state: 'done', verdict: 'skipped' })],
        });
}

export function world(total) {
        const next = random(7);
        const perHost = total > 1000 ? 60 : total > 100 ? 24 : 8;
        const hosts = [], drives = new Map(), jobs = new Map();
        let job = 100;
        for (let index = 0; index < total; index++) {
                const at = Math.floor(index / perHost);
                hosts[at] ??= host(at);
                const [model, size, rotational, transport] = models[Math.floor(next() * models.length)];
                const bay = index % perHost, draw = next();
                const serial = `${'ZVWKYX'[Math.floor(next() * 6)]}${Math.floor(next() * 36 ** 7).toString(36).toUpperCase().padStart(7, '0')}`;
                const drive = {
                        id: `wwn-0x5000c500${(0xa0000000 + index).toString(16)}`, host: hosts[at].name, dev_name: transport === 'nvme' ? `nvme${bay}n1` : `sd${letters(bay)}`, by_id_path: `/dev/disk/by-id/wwn-0x5000c500${(0xa0000000 + index).toString(16)}`,
                        model, serial, wwn: `0x5000c500${(0xa0000000 + index).toString(16)}`, size_bytes: size, rotational, transport, identity_state: 'ok', present: true, stale: false, last_seen_usec: nowUsec(),
                        temperature_mdegc: Math.floor(29 + next() * 12) * 1000, smart_health: 'passed', smart_usec: nowUsec() - 5 * MINUTE, smart: { reallocated: 0, pending: 0, offline_uncorrectable: 0, power_on_hours: Math.floor(next() * 40000), attributes: [5, 197, 198, 199].map((id) => ({ id, raw: 0 })) },
                        self_tests: { short: next() < 0.6 ? { ...idle, state: 'passed', words: 'Completed without error', ended_usec: nowUsec() - Math.floor(next() * 20) * DAY } : idle, long: next() < 0.3 ? { ...idle, state: 'passed', ended_usec: nowUsec() - Math.floor(next() * 60) * DAY } : idle },
                        lock_state: 'none', lock_detail: '', lock_in_use: false, unlock_token: '', bay: '', location: next() < 0.7 ? `Shelf ${1 + Math.floor(bay / 6)} / Bay ${bay % 6 + 1}` : '', notes: '', active_job: null,
                };
                drive.bay = transport === 'nvme' ? '' : at === 0 ? `pci-0000:00:1f.2-ata-${bay + 1}` : `enclosure 0 slot ${bay}`;
                drives.set(drive.id, drive);
                if (index === 3) Object.assign(drive, { model: hostile, serial: 'ZX<b>1</b>', location: hostile });
                if (draw < 0.28 && index > 3) {
                        const [state, detail, used] = locks[Math.floor(next() * locks.length)];
                        Object.assign(drive, { lock_state: state, lock_detail: detail, lock_in_use: used, unlock_token: ['boot-pool', 'remnant'].includes(state) ? '' : /"(.+?)"/.exec(detail)?.[1] ?? drive.serial });
                } else if (draw < 0.32) drive.temperature_mdegc = 43000 + Math.floor(next() * 9) * 1000;
                else if (draw < 0.35 && index > 12) Object.assign(drive, { present: false, dev_name: '', temperature_mdegc: null });
        }
        const list = [...drives.values()];
        const free = list.filter((drive) => drive.present && drive.lock_state === 'none');
        const run = (drive, given) => { drive.active_job = given.id; jobs.set(given.id, given); };
        const take = () => free.splice(Math.min(free.length - 1, 2), 1)[0];
        for (const [index, verdict] of ['passed', 'passed', 'failed', 'inconclusive', 'passed', 'cancelled', 'passed'].entries()) {
                const drive = list[(index * 5 + 1) % list.length];
                jobs.set(++job, endedJob(job, drive, verdict, (9 - index) * DAY));
        }
        const make = [
                (drive) => startedJob(++job, drive, runningSurface(job, 4, 47)), (drive) => startedJob(++job, drive, runningSurface(job, 0, 0)),
                (drive) => startedJob(++job, drive, runningSurface(job, 7, 82, { bad_blocks: 17, read_errors: 17, temperature_mdegc: 49000 })),
                (drive) => startedJob(++job, drive, runningSurface(job, 2, 12, { contact: 'The host cannot be reached: no route to host. The run there goes on.' })),
                (drive) => startedJob(++job, drive, runningSurface(job, 3, 63, { paused: 'Paused by alice (web)', bytes_per_second: 0 }), { state: 'paused', paused_by: 'alice (web)', paused_usec: nowUsec() - HOUR, reason: 'Paused by alice (web): other work on the host', eta_usec: 0 }),
                (drive) => makeJob(++job, drive, { reason: 'It waits for a place: 4 of 4 burn-ins are running.' }), (drive) => makeJob(++job, drive, { reason: 'Not before tomorrow, 22:00.', queued_until_usec: nowUsec() + DAY }),
                (drive) => {
                        drive.self_tests = { ...drive.self_tests, long: { ...idle, state: 'running', percent: 40, eta_usec: nowUsec() + 9 * HOUR } };
                        return makeJob(++job, drive, { kind: 'self-test', profile: 'long', state: 'running', current_stage: 'long_smart', percent: 40, started_usec: nowUsec() - 6 * HOUR, stages: [stage(job, 0, 'long_smart', { state: 'running', percent: 40, started_usec: nowUsec() - 6 * HOUR, temperature_mdegc: 38000 })] });
                },
                (drive) => {
                        const began = nowUsec() - 70 * SECOND;
                        return makeJob(++job, drive, { state: 'running', current_stage: 'short_smart', percent: 2, eta_usec: nowUsec() + 60 * HOUR, started_usec: began, profile: 'surface_short', stages: [stage(job, 0, 'precheck', done(began, 4 * SECOND)), stage(job, 1, 'short_smart', { state: 'running', percent: 58, started_usec: began }), stage(job, 2, 'surface_validate'), stage(job, 3, 'final_check')] });
                },
        ];
        for (let index = 0; free.length > 4 && index < Math.max(9, Math.min(60, total / 20)); index++) {
                const drive = take();
                run(drive, make[index % make.length](drive));
        }
        if (list[10]) { list[10].smart_health = 'failed'; list[10].smart = { ...list[10].smart, reallocated: 2048 }; }
        if (hosts.length > 3) {
                Object.assign(hosts[2], { state: 'stale', state_reason: 'No answer for 6 minutes: connection timed out.', last_seen_usec: nowUsec() - 6 * MINUTE });
                for (const drive of list) if (drive.host === hosts[2].name) drive.stale = true;
        }
        for (const drive of list) hosts.find(({ name }) => name === drive.host).drives++;
        hosts.push(host(hosts.length, { name: 'new-nas', state: 'unconfirmed', detection_state: 'never looked', state_reason: 'Its key waits to be accepted.', host_key_fingerprint: '', seen_host_key_fingerprint: 'SHA256:hXq2mJr0cXl3pVQ7v0nQw0o1r8yJq5m3uVb6tS9kZ2E', operating_system: '', last_seen_usec: 0 }));
        if (total < 10 ** 4) hosts.push(host(hosts.length, { name: 'odd-nas', state: 'key-changed', state_reason: 'It shows another key than the one that was accepted.', seen_host_key_fingerprint: 'SHA256:b7Jm1xOq8cNf2kRz4sWv6yBt0eHu3iLp5aGd9jKlMnQ' }));
        hosts.push(host(hosts.length, { name: 'truenas', kind: 'truenas', api_url: 'https://192.0.2.90', user: '', api_state: 'authentication', api_reason: 'The API key is refused. Make another one there and give it here.', state: 'auth', state_reason: 'Its API refuses our key.' }));
        return { hosts: new Map(hosts.map((one) => [one.name, one])), drives, jobs, lastJob: job };
}

export function readings(drive) {
        const next = random(11), list = [];
        for (let day = 0; day < 120; day++)
                list.push({ time_usec: nowUsec() - day * DAY, temperature_mdegc: Math.floor(33 + 6 * Math.sin(day / 9) + next() * 3) * 1000, smart_health: drive.smart_health,
                        smart: { reallocated: day < 20 ? 8 - Math.floor(day / 3) > 0 ? 8 - Math.floor(day / 3) : 0 : 0, pending: day < 5 ? 1 : 0, power_on_hours: 20000 - day * 24, attributes: { 5: 0, 197: 0, 199: 0 } } });
        return list;
}

export const makeNotifier = (name, kind, rest = {}) => ({ name, kind, built_in: false, enabled: true, target: '', events: [], hosts: [], severity: 'info', has_secret: false, pending: 0, dead: 0, error: '', ...rest });

export const makeNotifiers = () => new Map([
        makeNotifier('mail', 'mail', { built_in: true, target: 'admin@example.org', events: ['job_stalled', 'job_failed', 'job_inconclusive', 'backup_failed', 'daily_report'], has_secret: true }),
        makeNotifier('team', 'slack', { target: 'https://hooks.slack.com', severity: 'warning', hosts: ['bench'], pending: 2, dead: 3, error: `HTTP 403: <img src=x onerror="document.title='owned'">` }),
        makeNotifier('webhook', 'webhook', { built_in: true, enabled: false }),
].map((one) => [one.name, one]));

const deliveryTitles = { job_failed: 'Failed: WDC WUH721414ALE6L4 9MG1V03A on bench', drive_missing: 'Missing: ST18000NM000J ZR5A8K2P on bench', host_key_changed: 'Host key changed: bench' };
export const makeDeliveries = ({ name, pending, dead, error }, state) => Array.from({ length: state === 'pending' ? pending : dead }, (_, index) => {
        const [event, title] = Object.entries(deliveryTitles)[index % 3], time = nowUsec() - (state === 'pending' ? 2 * HOUR : 3.5 * DAY) - index * HOUR;
        return { id: 900 - index, notifier: name, state, event_id: String(index).padStart(32, '0'), event, time_usec: time, title, host: 'bench', job_id: 0, attempts: state === 'pending' ? index : 49, next_usec: state === 'pending' ? nowUsec() + index * 25 * MINUTE : time + DAY, error: state === 'pending' && index === 0 ? '' : error };
});

export const makeSettings = () => [
        ['max_parallel_burnins', 'number', 4, 'at-once', 'How many burn-ins run at once.', { minimum: 1, maximum: 4096, unit: 'burn-ins' }], ['max_per_host', 'number', 0, 'at-once', 'How many of them on one host; 0: no limit.', { minimum: 0, maximum: 4096, unit: 'burn-ins' }],
        ['temp_warn_c', 'number', 46, 'next-stage', 'Hard disks: from here on a drive is called warm, and no more burn-ins start on its host.', { minimum: 20, maximum: 150, unit: 'degrees Celsius' }], ['temp_crit_c', 'number', 55, 'next-stage', 'Hard disks: from here on a surface stage stands still until it is cooler.', { minimum: 20, maximum: 150, unit: 'degrees Celsius' }],
        ['slow_fails', 'boolean', false, 'next-stage', 'A drive that is much slower than it should be fails.', {}], ['slow_ratio', 'ratio', 0.5, 'next-stage', 'How slow a region may be, of the median of the drive.', {}],
        ['boot_pools', 'words', ['boot-pool', 'rpool'], 'at-once', 'ZFS pools whose members are never unlocked.', {}], ['poll_interval_seconds', 'number', 30, 'at-once', 'How often a host is asked.', { minimum: 5, maximum: 3600, unit: 'seconds' }],
        ['allowed_ips', 'networks', [], 'at-once', 'Addresses and networks (192.0.2.0/24, 2001:db8::/32) that may use the web page; none: all may.', {}],
        ['ssh_key', 'path', '/etc/burnin/id_ed25519', 'at-once', 'The private key for all hosts.', {}],
].map(([name, type, value, applies, description, rest], index) => ({ name, type, value, default: value, origin: index === 0 ? 'runtime' : index === 2 ? 'file' : 'default', file: index === 2 ? '/etc/burnin/burnind.conf.d/10-site.conf' : '', description, applies, ...rest }));
