import { afterEach, describe, expect, test } from '@jest/globals';
import { BehaviorSubject, NEVER } from 'rxjs';
import type { AgentOptions, ConfigEvent, LeaseEvent } from '@overlay/core';
import { OverlayError } from '@overlay/core';
import { gate } from './support/fake-backend.js';
import { settle } from '@overlay/core/testing';
import { FlakyStore } from './support/flaky-store.js';
import { conf, host, peers, World } from './support/world.js';

let world: World;
let store: FlakyStore;
afterEach(async () => {
  await world.agent.stop();
});

function make(options: Partial<AgentOptions> = {}): void {
  world = new World(options, { manager: (inner) => (store = new FlakyStore(inner)), leases: peers(10) });
}

const never = (): Promise<void> => new Promise(() => undefined);

/** Brings an agent into a phase; each has its own open ends. */
const PHASES: Record<string, () => Promise<void>> = {
  'before it is started': async () => make(),
  'with a silent store': async () => {
    make();
    store.configs = NEVER;
    world.agent.start().catch(() => undefined);
    await settle();
  },
  'without an interface': async () => {
    make();
    world.host$.next({ waiting: 'no interface' });
    await world.started();
  },
  'while it reads the previous lease': async () => {
    make();
    store.onPrevious = never;
    await world.started();
  },
  'while it waits to read that again': async () => {
    make();
    store.onPrevious = () => Promise.reject(new Error('store away'));
    await world.started();
  },
  'while it waits for attributes': async () => {
    make();
    world.backend.attributesFailures = 99;
    await world.started();
  },
  'while it acquires': async () => {
    make();
    store.onAcquire = never;
    await world.started();
  },
  'while it opens': async () => {
    make();
    world.backend.opening = never;
    await world.started();
  },
  'while it waits to open again': async () => {
    make();
    world.backend.openFailures = 99;
    await world.started();
  },
  'while it waits for the first leases': async () => {
    make();
    store.leases = NEVER;
    await world.started();
  },
  'while the first leases settle': async () => {
    make();
    world.backend.settled = never;
    await world.started();
  },
  'while subnet.env cannot be written': async () => {
    make();
    world.file.failures = 99;
    await world.started();
  },
  'while a configuration rests that cannot be carried out': async () => {
    make({ wrongConfig: 'wait' });
    store.onAcquire = () => Promise.reject(new OverlayError('OVERLAY_LEASE_INVALID', 'podCIDR is outside'));
    await world.started();
  },
  'when ready': async () => {
    make();
    await world.started();
  },
  'while it publishes': async () => {
    make();
    await world.started();
    store.onPublish = never;
    world.host$.next({ host: host(9) });
    await settle();
  },
  'while removals are held': async () => {
    make();
    await world.started();
    world.store.replace([]);
    await settle();
  },
  'while another configuration is on its way': async () => {
    make({ applyChanges: 'now' });
    await world.started();
    world.backend.phase = 'starting';
    world.store.setNetConf(conf({ Backend: { Type: 'other' } }));
    await settle();
  },
  'while two networks are open': async () => {
    make({ applyChanges: 'now' });
    await world.started();
    world.store.setNetConf(conf({ Backend: { Type: 'other' } }));
    await settle();
  },
  'while an old network is about to be closed': async () => {
    make({ applyChanges: 'now' });
    world.store.replace([]);
    await world.started();
    world.store.setNetConf(conf({ Backend: { Type: 'other' } }));
    await settle();
  },
};

describe('stopping', () => {
  test.each(Object.keys(PHASES))('%s ends everything, at once', async (phase) => {
    await PHASES[phase]?.();
    const ready = world.agent.ready().then(
      () => 'ready',
      (error: unknown) => (error as OverlayError).code,
    );
    const log = [...world.log];
    await world.agent.stop();
    expect(world.agent.status().phase).toBe('stopped');
    await expect(world.agent.done).resolves.toBeUndefined();
    expect(await ready).toBe(log.includes('write subnet.env') ? 'ready' : 'OVERLAY_CLOSED');
    expect(world.clock.pending).toBe(0);
    expect(world.host$.observed).toBe(false);
    expect(world.backend.attributes$.observed).toBe(false);
    for (const network of world.backend.networks) {
      expect(network.closed).toBe(true);
      expect(network.state$.observed).toBe(false);
    }
    // Nothing happens any more, whatever comes.
    const after = [...world.log];
    world.store.replace(peers(3));
    world.store.setNetConf(conf({ Backend: { Type: 'other', VNI: 3 } }));
    world.host$.next({ host: host(77) });
    await world.clock.advance(3_600_000);
    expect(world.log).toEqual(after);
    expect(world.agent.status().phase).toBe('stopped');
  });

  test('lets go of the streams that it was given', async () => {
    make();
    const configs = new BehaviorSubject<ConfigEvent>({ type: 'config', netConf: conf() });
    const leases = new BehaviorSubject<LeaseEvent>({ type: 'snapshot', leases: peers(2) });
    store.configs = configs;
    store.leases = leases;
    await world.started();
    expect([configs.observed, leases.observed]).toEqual([true, true]);
    await world.agent.stop();
    expect([configs.observed, leases.observed]).toEqual([false, false]);
  });

  test('leaves the peers in the network and subnet.env where they are', async () => {
    make();
    await world.started();
    const before = world.backend.network.updates.length;
    const text = world.file.text;
    await world.agent.stop();
    expect(world.backend.network.updates).toHaveLength(before);
    expect(world.file.text).toBe(text);
  });

  test('does not close the subnet manager, which others may use', async () => {
    make();
    await world.started();
    await world.agent.stop();
    const { signal } = new AbortController();
    await expect(world.store.previous('host-a', { signal })).resolves.toMatchObject({ key: 'host-a' });
    world.store.resync();
  });

  test('takes less than a second even when a network does not close', async () => {
    make();
    await world.started();
    world.backend.closing = never;
    let stopped = false;
    void world.agent.stop().then(() => (stopped = true));
    await world.clock.advance(899);
    expect(stopped).toBe(false);
    expect(world.agent.status().phase).toBe('stopping');
    await world.clock.advance(1);
    expect(stopped).toBe(true);
    expect(world.logger.matching(/did not end within 900 ms/)).toHaveLength(1);
  });

  test('ends also when closing the network fails', async () => {
    make();
    await world.started();
    world.backend.closing = () => Promise.reject(new Error('busy'));
    await world.agent.stop();
    expect(world.agent.status().phase).toBe('stopped');
    expect(world.logger.matching(/^warn stopping: busy/)).toHaveLength(1);
  });

  test('closes a network that opens too late', async () => {
    make();
    const slow = gate();
    world.backend.opening = slow.wait;
    await world.started();
    await world.agent.stop();
    slow.open();
    await settle();
    expect(world.backend.networks.map(({ closed }) => closed)).toEqual([true]);
  });

  test('is idempotent, and waiting for it can be given up', async () => {
    make();
    await world.started();
    const slow = gate();
    world.backend.closing = slow.wait;
    await expect(world.agent.stop({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
    expect(world.agent.status().phase).toBe('stopping');
    const first = world.agent.stop();
    const second = world.agent.stop();
    slow.open();
    await Promise.all([first, second]);
    await world.agent.stop();
    expect(world.log.filter((line) => line === 'close fake')).toHaveLength(1);
  });

  test('makes starting fail, then and later', async () => {
    make();
    store.configs = NEVER;
    const starting = world.agent.start();
    await world.agent.stop();
    await expect(starting).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
    make();
    await world.agent.stop();
    await expect(world.agent.start()).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
    await expect(world.agent.applyPending()).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
  });

  test('happens at the end of an `await using` block', async () => {
    make();
    {
      await using agent = world.agent;
      await agent.start();
      await agent.ready();
    }
    expect(world.agent.status().phase).toBe('stopped');
  });
});

describe('waiting until it is ready', () => {
  test('can be given up', async () => {
    make();
    world.host$.next({ waiting: 'no interface' });
    await world.started();
    const waiting = new AbortController();
    const ready = world.agent.ready({ signal: waiting.signal });
    waiting.abort();
    await expect(ready).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
    await expect(world.agent.ready({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
    world.host$.next({ host: host(1) });
    await world.agent.ready();
  });
});

test('a subnet manager that is closed under an agent ends it', async () => {
  make();
  store.onAcquire = () => Promise.reject(new OverlayError('OVERLAY_CLOSED', 'the subnet manager is closed'));
  await world.started();
  await expect(world.agent.done).rejects.toMatchObject({ code: 'OVERLAY_CLOSED' });
});
