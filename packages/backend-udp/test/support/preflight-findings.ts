// Prints what preflight of the udp backend finds with the privileges that this process has, as JSON. Argument: DataPath.
import { udp } from '@overlay/backend-udp';
import { parseNetConf } from '@overlay/core';
import { openLinux } from '@overlay/linux';

const linux = openLinux({});
const Backend = { Type: 'udp', DataPath: process.argv[2] };
const netConf = parseNetConf(JSON.stringify({ Network: '10.244.0.0/16', Backend }));
const backend = udp({ linux }).create({ netConf, hostId: 'test' });
process.stdout.write(JSON.stringify(await backend.preflight({ signal: AbortSignal.timeout(30_000) })));
await linux.close();
