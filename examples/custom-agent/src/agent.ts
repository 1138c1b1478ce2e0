import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { hostGw } from '@overlay/backend-host-gw';
import { vxlan } from '@overlay/backend-vxlan';
import { Agent, errorText, parseNetConf } from '@overlay/core';
import type { Labels, Logger, Metrics } from '@overlay/core';
import { openLinux } from '@overlay/linux';
import { LocalSubnetManager } from '@overlay/subnet-local';

/** A sink for what the agent measures, in the text format of Prometheus. */
class PrometheusText implements Metrics {
  readonly #values = new Map<string, number>();

  count(name: string, by = 1, labels?: Labels): void {
    this.#values.set(series(name, labels), (this.#values.get(series(name, labels)) ?? 0) + by);
  }

  gauge(name: string, value: number, labels?: Labels): void {
    this.#values.set(series(name, labels), value);
  }

  observe(name: string, seconds: number, labels?: Labels): void {
    this.count(`${name}_sum`, seconds, labels);
    this.count(`${name}_count`, 1, labels);
  }

  text(): string {
    return [...this.#values].map(([name, value]) => `overlay_${name} ${value}\n`).join('');
  }
}

function series(name: string, labels: Labels = {}): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return pairs.length > 0 ? `${name}{${pairs.join(',')}}` : name;
}

const say = (message: string): void => void process.stdout.write(`${message}\n`);
const logger: Logger = { debug: () => undefined, info: say, warn: say, error: say };

const str = (fallback: string) => ({ type: 'string', default: fallback }) as const;
const files = { conf: str('net-conf.json'), leases: str('leases') };
const options = { ...files, host: str('h1'), iface: str('eth0'), port: str('9470') };
const { host, conf, leases, iface, port } = parseArgs({ options }).values;

const metrics = new PrometheusText();
const netConf = parseNetConf(readFileSync(conf, 'utf8'), { source: conf });
const linux = openLinux({ logger, metrics });
const subnetManager = new LocalSubnetManager({ directory: leases, netConf, logger });
const backends = [vxlan({ linux }), hostGw({ linux })];
const host$ = linux.host$({ iface: [iface] });
const agent = new Agent({ hostId: host, backends, subnetManager, host$, logger, metrics });

const server = createServer((request, response) => {
  if (request.url === '/metrics') return void response.end(metrics.text());
  const { ready, reasons } = agent.status().readiness;
  response.writeHead(ready ? 200 : 503).end(reasons.map(({ message }) => `${message}\n`).join(''));
}).listen(Number(port));

process.once('SIGTERM', () => void agent.stop());
await agent.start();
await agent.done.catch((error: unknown) => say(errorText(error)));
await subnetManager.close();
await linux.close();
server.close();
