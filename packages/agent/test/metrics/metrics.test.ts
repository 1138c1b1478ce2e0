import { createServer } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import type { AgentStatus } from '@overlay/core';
import { agentGauges } from '../../dist/metrics/agent-gauges.js';
import { MetricRegistry } from '../../dist/metrics/registry.js';
import { serveMetrics } from '../../dist/metrics/server.js';
import { textFormat } from '../../dist/metrics/text-format.js';

const signal = AbortSignal.timeout(60_000);
const text = (registry: MetricRegistry): string[] => textFormat(registry.read()).split('\n');

describe('what is counted and measured', () => {
  test('is told by name, one line for each set of labels, whatever their order', () => {
    const registry = new MetricRegistry();
    registry.gauge('peers', 3);
    registry.gauge('peers', 2);
    registry.count('writes_total', undefined, { kind: 'route', family: 'ipv4' });
    registry.count('writes_total', 4, { family: 'ipv4', kind: 'route' });
    registry.count('writes_total', 0, { kind: 'link' });
    registry.observe('ready_seconds', 0.25);
    registry.observe('ready_seconds', 0.5);
    expect(text(registry)).toEqual([
      '# TYPE overlay_peers gauge',
      'overlay_peers 2',
      '# TYPE overlay_ready_seconds summary',
      'overlay_ready_seconds_sum 0.75',
      'overlay_ready_seconds_count 2',
      '# TYPE overlay_writes_total counter',
      'overlay_writes_total{kind="route",family="ipv4"} 5',
      'overlay_writes_total{kind="link"} 0',
      '',
    ]);
  });

  test('may say anything in its labels', () => {
    const registry = new MetricRegistry();
    registry.gauge('odd', Infinity, { text: 'a"b\\c\nd' });
    expect(text(registry)).toContain('overlay_odd{text="a\\"b\\\\c\\nd"} +Inf');
  });

  test('is nothing as long as nothing is told', () => {
    expect(textFormat(new MetricRegistry().read())).toBe('');
  });

  test('is asked for before each reading, until that is ended', () => {
    const registry = new MetricRegistry();
    const end = registry.beforeRead(() => registry.count('asked_total'));
    expect(text(registry)).toContain('overlay_asked_total 1');
    expect(text(registry)).toContain('overlay_asked_total 2');
    end();
    expect(text(registry)).toContain('overlay_asked_total 2');
  });
});

test('gauges of the agent come out of its status', () => {
  const registry = new MetricRegistry();
  const status = {
    heldLeaseCount: 2,
    heldRemovalCount: 7,
    problems: ['the store is away'],
    conflicts: [],
    confirmedAt: 1_000_000,
    network: { peers: 5, objects: 15, pending: 1, failed: 2, problems: [{ message: 'refused' }] },
  } as unknown as AgentStatus;
  agentGauges(status, registry, 1_002_500);
  const lines = text(registry).filter((line) => !line.startsWith('#'));
  expect(lines).toEqual([
    'overlay_conflicts 0',
    'overlay_held_leases 2',
    'overlay_held_removals 7',
    'overlay_kernel_objects 15',
    'overlay_kernel_objects_failed 2',
    'overlay_kernel_objects_pending 1',
    'overlay_problems 2',
    'overlay_store_confirmed_age_seconds 2.5',
    '',
  ]);
});

describe('over HTTP', () => {
  test('there is /metrics and nothing else', async () => {
    const server = await serveMetrics({ address: '127.0.0.1', port: 0, signal });
    try {
      server.registry.gauge('peers', 1);
      const answer = await fetch(`http://127.0.0.1:${server.port}/metrics`);
      expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
      expect(await answer.text()).toBe('# TYPE overlay_peers gauge\noverlay_peers 1\n');
      const other = await fetch(`http://127.0.0.1:${server.port}/status`);
      expect([other.status, await other.text()]).toEqual([404, 'there is /metrics\n']);
    } finally {
      server.close();
    }
  });

  test('a port that is taken: an error that names the flag', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as { port: number };
    await expect(serveMetrics({ address: '127.0.0.1', port, signal })).rejects.toMatchObject({
      code: 'OVERLAY_HEALTH_LISTEN',
      key: '--metrics-port',
      message: expect.stringContaining('for metrics'),
    });
    await new Promise((resolve) => holder.close(resolve));
  });
});
