import { describe, expect, test } from '@jest/globals';
import { BehaviorSubject } from 'rxjs';
import type { HostState } from '@overlay/core';
import { OverlayError, StaticSubnetManager, Token, TOKENS } from '@overlay/core';
import { createAgentContainer } from '@overlay/core/container';
import { FakeBackendControl } from '../agent/support/fake-backend.js';
import { conf, host } from '../agent/support/world.js';

const PORT = new Token<number>('test/Port');
const NAME = new Token<string>('test/Name');
const ADDRESS = new Token<{ readonly text: string }>('test/Address');

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return (error as OverlayError).code;
  }
}

describe('the container', () => {
  test('gives what is bound, with its type, and makes each part once', () => {
    let made = 0;
    const parts = createAgentContainer()
      .bind(PORT, { value: 8472 })
      .bind(NAME, { value: 'h1' })
      .bind(ADDRESS, {
        factory: ({ resolve }) => {
          made++;
          return { text: `${resolve(NAME)}:${resolve(PORT) + 1}` };
        },
      });
    expect(made).toBe(0);
    const address = parts.resolve(ADDRESS);
    expect(address.text).toBe('h1:8473');
    expect(parts.resolve(ADDRESS)).toBe(address);
    expect(made).toBe(1);
  });

  test('keeps a part that is undefined or null', () => {
    const nothing = new Token<undefined>('test/Nothing');
    let made = 0;
    const parts = createAgentContainer().bind(nothing, { factory: () => void made++ });
    expect(parts.resolve(nothing)).toBeUndefined();
    expect(parts.resolve(nothing)).toBeUndefined();
    expect(made).toBe(1);
  });

  test('refuses to bind twice, whatever the first binding is', () => {
    const parts = createAgentContainer().bind(PORT, { value: 1 });
    expect(codeOf(() => parts.bind(PORT, { value: 2 }))).toBe('OVERLAY_ALREADY_BOUND');
    expect(codeOf(() => parts.bind(PORT, { factory: () => 3 }))).toBe('OVERLAY_ALREADY_BOUND');
    expect(parts.resolve(PORT)).toBe(1);
  });

  test('names what is not bound, and who wanted it', () => {
    const parts = createAgentContainer().bind(ADDRESS, { factory: ({ resolve }) => ({ text: resolve(NAME) }) });
    expect(() => parts.resolve(PORT)).toThrow(/^resolving test\/Port: nothing is bound to it/);
    expect(() => parts.resolve(ADDRESS)).toThrow(/^resolving test\/Name for test\/Address: nothing is bound to it/);
    expect(codeOf(() => parts.resolve(ADDRESS))).toBe('OVERLAY_NOT_BOUND');
    expect(parts.optional(PORT)).toBeUndefined();
  });

  test('lets an error of a factory through as it is, also from deep inside', () => {
    const cause = new Error('EPERM');
    const error = new OverlayError('OVERLAY_NETLINK', 'opening a socket', { cause });
    const parts = createAgentContainer()
      .bind(PORT, {
        factory: () => {
          throw error;
        },
      })
      .bind(ADDRESS, { factory: ({ resolve }) => ({ text: String(resolve(PORT)) }) });
    for (let times = 0; times < 2; times++) {
      let thrown: unknown;
      try {
        parts.resolve(ADDRESS);
      } catch (caught) {
        thrown = caught;
      }
      expect(thrown).toBe(error);
      expect((thrown as Error).cause).toBe(cause);
    }
  });

  test('names a circle instead of running in it', () => {
    const parts = createAgentContainer()
      .bind(NAME, { factory: ({ resolve }) => resolve(ADDRESS).text })
      .bind(ADDRESS, { factory: ({ resolve }) => ({ text: resolve(NAME) }) });
    expect(() => parts.resolve(NAME)).toThrow('test/Name -> test/Address -> test/Name');
    expect(codeOf(() => parts.resolve(NAME))).toBe('OVERLAY_CIRCULAR');
  });

  test('shares nothing with another one or with the global one', async () => {
    // Only now: it needs the polyfill that the container brings.
    const { container: root } = await import('tsyringe');
    const one = createAgentContainer().bind(PORT, { value: 1 });
    const two = createAgentContainer();
    expect(two.has(PORT)).toBe(false);
    expect(root.isRegistered(PORT.symbol)).toBe(false);
    root.register(NAME.symbol, { useValue: 'global' });
    try {
      expect(codeOf(() => one.resolve(NAME))).toBe('OVERLAY_NOT_BOUND');
    } finally {
      root.reset();
    }
  });

  test('puts an agent together, or names what is missing', async () => {
    const backend = new FakeBackendControl();
    const parts = createAgentContainer()
      .bind(TOKENS.backends, { value: [backend.factory('fake')] })
      .bind(TOKENS.host$, { value: new BehaviorSubject<HostState>({ host: host(1) }) });
    expect(() => parts.createAgent({ hostId: 'a' })).toThrow(/SubnetManager: nothing is bound/);
    const store = new StaticSubnetManager({ netConf: conf() });
    parts.bind(TOKENS.subnetManager, { factory: () => store });
    await using agent = parts.createAgent({ hostId: 'a' });
    await agent.start();
    await agent.ready();
    expect(agent.status().ownLease?.key).toBe('a');
  });
});
