import { describe, expect, test } from '@jest/globals';
import { vxlanOptions } from '@overlay/backend-vxlan';
import { parseNetConf } from '@overlay/core';

function read(backend: object): { options: ReturnType<typeof vxlanOptions>; warnings: string[] } {
  const warnings: string[] = [];
  const nothing = (): void => undefined;
  const logger = { debug: nothing, info: nothing, warn: (line: string) => void warnings.push(line), error: nothing };
  const netConf = parseNetConf(JSON.stringify({ Network: '10.244.0.0/16', Backend: { Type: 'vxlan', ...backend } }));
  return { options: vxlanOptions({ netConf, hostId: 'h1', logger }), warnings };
}

describe('options of VXLAN', () => {
  test.each([
    [{}, { vni: 1, port: 8472, gbp: false, learning: false, directRouting: false }],
    [
      { VNI: 4096, Port: 4789 },
      { vni: 4096, port: 4789 },
    ],
    [
      { vni: 7, PORT: 8472, directrouting: true },
      { vni: 7, directRouting: true },
    ],
    [
      { MTU: 1400, GBP: true, Learning: true },
      { mtu: 1400, gbp: true, learning: true },
    ],
    [
      { VNI: 16777215, Port: 65535 },
      { vni: 16777215, port: 65535 },
    ],
    [{ Port: 0, MTU: 0 }, { port: 8472 }],
  ])('%j', (backend, expected) => {
    const { options, warnings } = read(backend);
    expect(options).toMatchObject(expected);
    expect(warnings).toEqual([]);
    if (!('MTU' in backend) || backend.MTU === 0) expect(options.mtu).toBeUndefined();
  });

  test.each([
    [{ VNI: 0 }, 'VNI'],
    [{ VNI: 16777216 }, 'VNI'],
    [{ VNI: '1' }, 'VNI'],
    [{ VNI: 1.5 }, 'VNI'],
    [{ Port: -1 }, 'Port'],
    [{ Port: 65536 }, 'Port'],
    [{ MTU: 65536 }, 'MTU'],
    [{ MTU: true }, 'MTU'],
    [{ GBP: 'yes' }, 'GBP'],
    [{ Learning: 1 }, 'Learning'],
    [{ DirectRouting: 'true' }, 'DirectRouting'],
  ])('%j is refused by one line that names the key and what came', (backend, key) => {
    const value = JSON.stringify(Object.values(backend)[0]);
    let thrown: unknown;
    try {
      read(backend);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'OVERLAY_CONFIG_INVALID' });
    const { message } = thrown as Error;
    expect(message).not.toContain('\n');
    expect(message).toContain(key);
    expect(message).toContain(value);
    expect(message).toMatch(/expected/);
  });

  test('an unknown option is told and ignored', () => {
    const { warnings } = read({ VNL: 2 });
    expect(warnings).toEqual([expect.stringContaining('VNL')]);
  });
});
