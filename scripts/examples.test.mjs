// The examples that need no installation: configurations, and programs that pages show.
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { HttpSubnetManager, LeaseService } from '../examples/custom-subnet-manager/dist/index.js';
import { hostGw } from '../packages/backend-host-gw/dist/index.js';
import { udp } from '../packages/backend-udp/dist/index.js';
import { vxlan } from '../packages/backend-vxlan/dist/index.js';
import { FAMILIES, parseNetConf } from '../packages/core/dist/index.js';
import { openLinux } from '../packages/linux/dist/index.js';

const root = path.resolve(import.meta.dirname, '..');
// The root's own ajv is another one, which knows no draft 2020-12.
const { Ajv2020 } = createRequire(path.join(root, 'conformance/package.json'))('ajv/dist/2020.js');
const read = (...parts) => readFileSync(path.join(root, ...parts), 'utf8');

describe('examples/net-conf', () => {
  const files = readdirSync(path.join(root, 'examples/net-conf')).filter((file) => file.endsWith('.json'));
  const schema = JSON.parse(read('packages/core/schema/net-conf.schema.json'));
  const validate = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false }).compile(schema);
  const expected = ['host-gw', 'udp', 'vxlan'].flatMap((type) =>
    ['dual', 'ipv4', 'ipv6'].map((families) => `${type}-${families}.json`),
  );

  test('has one for each backend and choice of families', () => {
    expect(files.sort()).toEqual(expected);
  });

  test.each(expected)('%s is taken by the parser, the schema and its backend, and explained', async (file) => {
    const text = read('examples/net-conf', file);
    const netConf = parseNetConf(text, { source: file });
    const [, type, families] = /^(.+)-(\w+)\.json$/.exec(file);
    expect(netConf.warnings).toEqual([]);
    expect(netConf.backend.type).toBe(type);
    const wanted = families === 'dual' ? FAMILIES : [families];
    expect(FAMILIES.filter((family) => netConf[family] !== undefined)).toEqual(wanted);
    expect([validate(JSON.parse(text)), validate.errors]).toEqual([true, null]);

    const linux = openLinux();
    const warnings = [];
    const quiet = { debug: () => undefined, info: () => undefined, error: () => undefined };
    const logger = { ...quiet, warn: (line) => warnings.push(line) };
    const factory = [vxlan, hostGw, udp].map((make) => make({ linux })).find((each) => each.type === type);
    factory.create({ netConf, hostId: 'h1', logger });
    expect(warnings).toEqual([]);
    await linux.close();

    expect(read('examples/net-conf/README.md')).toContain(`[${file}](${file})\n\n\`\`\`json\n${text}\`\`\`\n`);
  });
});

describe('examples/custom-agent', () => {
  test('the short program is at most 20 lines, and those that pages show', () => {
    const source = read('examples/custom-agent/src/main.ts').trim();
    expect(source.split('\n').length).toBeLessThanOrEqual(20);
    for (const page of ['README.md', 'examples/custom-agent/README.md']) {
      expect(read(page)).toContain(`\`\`\`ts\n${source}\n\`\`\``);
    }
  });

  test('the host agent is at most 65 lines', () => {
    expect(read('examples/custom-agent/src/agent.ts').trim().split('\n').length).toBeLessThanOrEqual(65);
  });
});

describe('examples/custom-subnet-manager', () => {
  const netConf =
    '{"Network":"10.5.0.0/16","SubnetMin":"10.5.8.0","SubnetMax":"10.5.8.0","Backend":{"Type":"host-gw"}}';
  const value = '{"PublicIP":"192.0.2.1","BackendType":"host-gw"}';
  let service;
  afterEach(() => service?.close());

  test('its service tells nonsense from a range that is full', async () => {
    service = new LeaseService();
    const url = await service.listen(0);
    const put = async (host, body) => (await globalThis.fetch(`${url}/leases/${host}`, { method: 'PUT', body })).status;
    expect(await put('h1', JSON.stringify({ netConf, value }))).toBe(200);
    expect(await put('h2', JSON.stringify({ netConf, value }))).toBe(409);
    for (const body of [
      '{',
      'null',
      '7',
      '{}',
      JSON.stringify({ netConf: '{}', value }),
      JSON.stringify({ netConf }),
    ]) {
      expect([body, await put('h2', body)]).toEqual([body, 400]);
    }
  });

  test.each(['{', 'null', '[]', '{"version":"1","leases":{}}', '{"version":1,"leases":{"h1":"x"}}'])(
    'its client takes no %s for leases',
    async (answer) => {
      const server = createServer((_, response) => response.end(answer));
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
      const url = `http://127.0.0.1:${server.address().port}`;
      const manager = new HttpSubnetManager({ url, netConf: parseNetConf(netConf) });
      try {
        await expect(manager.previous('h1', { signal: AbortSignal.timeout(5000) })).rejects.toThrow(
          /JSON|did not expect/,
        );
        expect(manager.confirmedAt()).toBeUndefined();
      } finally {
        await manager.close();
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  );
});
