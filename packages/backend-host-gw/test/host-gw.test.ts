import { describe, expect, test } from '@jest/globals';
import { hostGw } from '@overlay/backend-host-gw';
import type { Host } from '@overlay/core';
import { parseAddress, parseNetConf } from '@overlay/core';
import { openLinux } from '@overlay/linux';
import { firstValueFrom, of } from 'rxjs';

const NETWORKS = { Network: '10.244.0.0/16', EnableIPv6: true, IPv6Network: 'fd44::/48' };

function host(publicIP: string, publicIPv6: string): Host {
  return {
    interface: { name: 'eth0', index: 2, mtu: 1500, broadcast: true },
    ipv4: { address: parseAddress('192.168.9.1'), publicIP: parseAddress(publicIP) },
    ipv6: { address: parseAddress('fd09::1'), publicIP: parseAddress(publicIPv6) },
  };
}

/** What a host publishes. */
async function publishes(at: Host, backend: object = {}, warnings: string[] = []): Promise<unknown> {
  const netConf = parseNetConf(JSON.stringify({ ...NETWORKS, Backend: { Type: 'host-gw', ...backend } }));
  const nothing = (): void => undefined;
  const logger = { debug: nothing, info: nothing, warn: (line: string) => void warnings.push(line), error: nothing };
  const linux = openLinux();
  try {
    return await firstValueFrom(
      hostGw({ linux })
        .create({ netConf, hostId: 'h1', logger })
        .attributes$({ host$: of(at) }),
    );
  } finally {
    await linux.close();
  }
}

describe('host-gw', () => {
  test('publishes the addresses of the interface and no data', async () => {
    expect(await publishes(host('192.168.9.1', 'fd09::1'))).toEqual({
      backendType: 'host-gw',
      ipv4: { publicIP: '192.168.9.1' },
      ipv6: { publicIP: 'fd09::1' },
    });
  });

  test.each([
    ['198.51.100.1', 'fd09::1', '--public-ip', '192.168.9.1', '198.51.100.1'],
    ['192.168.9.1', '2001:db8::1', '--public-ipv6', 'fd09::1', '2001:db8::1'],
  ])('a public address that is not the interface’s is refused: %s %s', async (v4, v6, flag, own, given) => {
    await expect(publishes(host(v4, v6))).rejects.toMatchObject({
      code: 'OVERLAY_CONFIG_INVALID',
      key: flag,
      message: `${flag}: host-gw routes straight to the interface, so expected its address ${own}, got ${given}; leave the flag out, or use vxlan`,
    });
  });

  test('has no options: one that is given is told and ignored', async () => {
    const warnings: string[] = [];
    await publishes(host('192.168.9.1', 'fd09::1'), { DirectRouting: true }, warnings);
    expect(warnings).toEqual([expect.stringContaining('DirectRouting')]);
  });
});
