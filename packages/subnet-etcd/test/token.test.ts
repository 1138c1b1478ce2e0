import { beforeEach, describe, expect, test } from '@jest/globals';
import { HandClock } from '@overlay/core/testing';
import { TokenKeeper } from '../dist/client/token.js';
import { RpcError } from '../dist/grpc/rpc-error.js';

const OPTIONS = { timeoutMs: 1_000, signal: new AbortController().signal };

describe('the token', () => {
  let clock: HandClock;
  let password: string;
  let keeper: TokenKeeper;
  /** Passwords that etcd was asked about. */
  let asked: string[];
  let right: string;
  const connection = {
    unary: (_: unknown, request: unknown): Promise<never> => {
      const given = (request as { password: string }).password;
      asked.push(given);
      if (given === right) return Promise.resolve(`token ${asked.length}` as never);
      return Promise.reject(new RpcError(3, 'etcdserver: authentication failed, invalid user ID or password'));
    },
  };
  const headers = (): ReturnType<TokenKeeper['headers']> => keeper.headers(connection, OPTIONS);

  beforeEach(() => {
    clock = new HandClock();
    asked = [];
    password = right = 'right';
    keeper = new TokenKeeper({ username: 'overlay', password: () => password }, clock);
  });

  test('is got once, and anew when it was refused', async () => {
    const [one, other] = await Promise.all([headers(), headers()]);
    expect([one, other]).toEqual([{ token: 'token 1' }, { token: 'token 1' }]);
    keeper.refused(one);
    expect(await headers()).toEqual({ token: 'token 2' });
    // Somebody is told late that the old one is worth nothing.
    keeper.refused(other);
    expect(await headers()).toEqual({ token: 'token 2' });
    expect(asked).toHaveLength(2);
  });

  test('is asked for ever more seldom with a password that is wrong, at least once a minute', async () => {
    password = 'wrong';
    const askedAt: number[] = [];
    for (let second = 0; second < 600; second++) {
      const before = asked.length;
      // The view and the lease of a host, both trying again and again.
      for (let who = 0; who < 2; who++) await expect(headers()).rejects.toMatchObject({ code: 3 });
      if (asked.length > before) askedAt.push(second);
      await clock.advance(1_000);
    }
    expect(asked.length).toBe(askedAt.length);
    expect(asked.length).toBeLessThan(30);
    const waits = askedAt.slice(1).map((at, index) => at - askedAt[index]);
    expect(Math.max(...waits)).toBeLessThanOrEqual(60);
    expect(Math.max(...waits)).toBeGreaterThan(20);
  });

  test('is asked for at once with another password', async () => {
    password = 'wrong';
    await expect(headers()).rejects.toMatchObject({ code: 3 });
    await expect(headers()).rejects.toMatchObject({ code: 3 });
    password = 'right';
    expect(await headers()).toEqual({ token: 'token 2' });
  });

  test('is got again where the same password has come to be right', async () => {
    right = 'another';
    await expect(headers()).rejects.toMatchObject({ code: 3 });
    right = 'right';
    await clock.advance(60_000);
    expect(await headers()).toEqual({ token: 'token 2' });
  });
});
