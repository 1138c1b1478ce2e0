import { pathToFileURL } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { OverlayError } from '@overlay/core';
import type { Finding } from '@overlay/core';
import type { Linux } from '@overlay/linux';
import { choosePath } from '../dist/choose-path.js';
import type { DataPath } from '../dist/data-path.js';
import { loadNativeBpf } from '../dist/kernel/native.js';
import type { NativeBpf } from '../dist/kernel/native.js';
import { kernelPreflight } from '../dist/kernel/preflight.js';
import { UdpKernel } from '../dist/kernel/udp-kernel.js';
import { loadNativeEngine } from '../dist/user/native.js';
import { userPreflight } from '../dist/user/preflight.js';

const NOWHERE = pathToFileURL('/nowhere/dist/x.js');
const { signal } = new AbortController();

/** A kernel in which one function of the addon is refused, and that answers trial requests for a qdisc. */
function kernel(refused: Partial<NativeBpf>, answer?: string): { linux: Linux; load: () => UdpKernel } {
  const failures = new Map(answer === undefined ? [] : [[0, { errnoName: answer }]]);
  const linux = {
    alias: 'overlay:test',
    session: { use: <T>(request: (port: object) => T) => request({ send: () => Promise.resolve(failures) }) },
    link: () => Promise.resolve(undefined),
  } as unknown as Linux;
  // Nothing reaches the real kernel: descriptors are made up.
  const native = {
    ...loadNativeBpf(),
    createMap: () => 1000,
    mapInfo: () => ({ id: 1, name: '', type: 0, keySize: 0, valueSize: 0, maxEntries: 0, flags: 0 }),
    update: () => undefined,
    freezeMap: () => undefined,
    loadProgram: () => 1000,
    close: () => undefined,
    ...refused,
  };
  return { linux, load: () => new UdpKernel(linux, native) };
}

/** Throws what the addon throws. */
function refuse(syscall: string, errno: number, text: string): () => never {
  return () => {
    throw Object.assign(new Error(`${syscall}: ${text}`), { errno, syscall });
  };
}

async function kernelFindings(refused: Partial<NativeBpf>, answer?: string): Promise<readonly Finding[]> {
  const { linux, load } = kernel(refused, answer);
  return kernelPreflight(linux, load, { signal });
}

describe('preflight of the kernel path', () => {
  test('finds nothing where everything is taken', async () => {
    expect(await kernelFindings({})).toEqual([]);
    // A qdisc is there already, or the trial was refused for what is wrong with it.
    expect(await kernelFindings({}, 'EEXIST')).toEqual([]);
    expect(await kernelFindings({}, 'EINVAL')).toEqual([]);
  });

  test.each([
    [38, 'Function not implemented', 'this kernel has no BPF'],
    [1, 'Operation not permitted', 'run as root, or with CAP_BPF and CAP_NET_ADMIN'],
  ])('says in one line that BPF is refused (%i)', async (errno, text, remedy) => {
    const found = await kernelFindings({ createMap: refuse('BPF_MAP_CREATE', errno, text) });
    expect(found).toEqual([
      {
        level: 'error',
        check: 'udp-kernel',
        message: expect.stringMatching(`^the kernel path is not available: making the BPF map \\w+: .*${text}`),
        remedy: expect.stringContaining(remedy),
      },
    ]);
  });

  test('says which program the kernel does not take', async () => {
    const found = await kernelFindings({ loadProgram: refuse('BPF_PROG_LOAD', 22, 'Invalid argument') });
    expect(found).toEqual([
      expect.objectContaining({
        message: expect.stringContaining('loading the BPF program for egress'),
        remedy: 'the kernel path needs Linux 5.10 or newer',
      }),
    ]);
  });

  test('says that there is no clsact qdisc', async () => {
    expect(await kernelFindings({}, 'ENOENT')).toEqual([
      {
        level: 'error',
        check: 'udp-kernel',
        message: 'the kernel path is not available: this kernel has no clsact qdisc',
        remedy: 'load its modules (modprobe -a sch_ingress cls_bpf), or set DataPath to user',
      },
    ]);
  });

  test('does not take its own end for a lack of the kernel', async () => {
    const { linux, load } = kernel({});
    const aborted = new OverlayError('OVERLAY_ABORTED', 'sending to netlink: stopped before it was done');
    Object.assign(linux, { session: { use: () => Promise.reject(aborted) } });
    await expect(kernelPreflight(linux, load, { signal })).rejects.toBe(aborted);
  });

  test('says that the addon is not there', async () => {
    const load = (): UdpKernel => new UdpKernel(kernel({}).linux, loadNativeBpf(NOWHERE));
    expect(await kernelPreflight(kernel({}).linux, load, { signal })).toEqual([
      expect.objectContaining({
        message: expect.stringMatching(/^the kernel path is not available: loading the BPF addon: .* is missing/),
        remedy: expect.stringContaining('install a release that has it'),
      }),
    ]);
  });
});

describe('preflight of the user path', () => {
  test('says that there is no TUN driver', async () => {
    expect(await userPreflight('/nowhere/net/tun')).toEqual([
      {
        level: 'error',
        check: 'udp-user',
        message: 'the user path is not available: /nowhere/net/tun is not there',
        remedy: 'load the module tun (modprobe tun), or give the container that device',
      },
    ]);
  });

  test('says that the addon is not there', async () => {
    expect(await userPreflight('/dev/null', () => loadNativeEngine(NOWHERE))).toEqual([
      expect.objectContaining({
        level: 'error',
        message: expect.stringMatching(/^the user path is not available: loading the UDP engine: .* is missing/),
        remedy: expect.stringContaining('install a release that has it'),
      }),
    ]);
    expect(await userPreflight('/dev/null')).toEqual([]);
  });
});

describe('with auto', () => {
  const path = (name: DataPath['name'], findings: () => Promise<readonly Finding[]>) => ({
    name,
    load: () => Promise.resolve({ name, preflight: findings } as unknown as DataPath),
  });
  const noKernel = (): Promise<readonly Finding[]> => kernelFindings({}, 'ENOENT');
  const noUser = (): Promise<readonly Finding[]> => userPreflight('/nowhere/net/tun');

  test('the user path is taken, with a warning, where the kernel path does not work', async () => {
    const sources = [path('kernel', noKernel), path('user', () => userPreflight('/dev/null'))];
    const { path: taken, findings } = await choosePath(sources, 'auto', { signal });
    expect(taken?.name).toBe('user');
    expect(findings.map(({ level, check }) => [level, check])).toEqual([['warning', 'udp-kernel']]);
  });

  test('none is taken, with an error for each, where neither works', async () => {
    const { path: taken, findings } = await choosePath([path('kernel', noKernel), path('user', noUser)], 'auto', {
      signal,
    });
    expect(taken).toBeUndefined();
    expect(findings.map(({ level, check }) => [level, check])).toEqual([
      ['error', 'udp-kernel'],
      ['error', 'udp-user'],
    ]);
  });
});
