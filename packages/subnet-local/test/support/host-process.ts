/** A host in a process of its own: acquires a lease when told `go`, says what it got, and lives until disconnected. */
import { parseNetConf } from '@overlay/core';
import { LocalSubnetManager } from '@overlay/subnet-local';
import { firstValueFrom } from 'rxjs';

const [directory, hostId, conf, publicIP] = process.argv.slice(2) as [string, string, string, string];
const netConf = parseNetConf(conf);
const manager = new LocalSubnetManager({ directory, netConf });

process.once('message', () => {
  const attributes = { backendType: 'host-gw', ipv4: { publicIP } } as never;
  manager
    .acquire({ hostId, netConf, attributes }, { signal: new AbortController().signal })
    .then(async (own) => process.send?.({ subnets: (await firstValueFrom(own.state$)).lease.subnets }))
    .catch((error: { code?: string; message: string }) => process.send?.({ code: error.code, message: error.message }));
});
process.once('disconnect', () => void manager.close());
process.send?.('ready');
