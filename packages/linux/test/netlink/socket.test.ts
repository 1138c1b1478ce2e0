import { beforeEach, describe, expect, test } from '@jest/globals';
import type { NetlinkPort } from '../../dist/netlink/index.js';
import { deleteLink, dumpLinks, getLink, MessageType } from '../../dist/netlink/index.js';
import type { MonitorHandle, NativeNetlink, OnDone, RequestHandle } from '../../dist/netlink/native.js';
import { EventKind, JobKind } from '../../dist/netlink/native.js';
import { openNetlinkOn } from '../../dist/netlink/socket.js';

const EINTR = 4;
const ENOBUFS = 105;

type Answer = (job: { id: number; kind: number; messages: Uint8Array }) => Parameters<OnDone> | undefined;

/** An addon that says what a test wants said, and has no socket. */
class ScriptedAddon implements NativeNetlink {
  answer: Answer = ({ id }) => [id, 0, -1, undefined, false, []];
  jobs: { id: number; kind: number; messages: Uint8Array }[] = [];
  cancelled: number[] = [];
  closedMonitors = 0;
  emit: (kind: number, errno: number, data: ArrayBuffer) => void = () => undefined;
  #onDone: OnDone = () => undefined;

  openRequest(_options: object, onDone: OnDone): { handle: RequestHandle; port: number } {
    this.#onDone = onDone;
    return { handle: {} as RequestHandle, port: 77 };
  }
  submit(_handle: RequestHandle, id: number, kind: number, messages: Uint8Array): void {
    const job = { id, kind, messages };
    this.jobs.push(job);
    const answer = this.answer(job);
    if (answer !== undefined) queueMicrotask(() => this.#onDone(...answer));
  }
  cancel(_handle: RequestHandle, id: number): void {
    this.cancelled.push(id);
  }
  pace(): void {}
  closeRequest(): void {}
  openMonitor(
    _options: object,
    onEvent: typeof this.emit,
  ): { handle: MonitorHandle; port: number; receiveBuffer: number } {
    this.emit = onEvent;
    return { handle: {} as MonitorHandle, port: 78, receiveBuffer: 1 };
  }
  closeMonitor(): void {
    this.closedMonitors++;
  }
  readNetnsFile(): Promise<string> {
    return Promise.resolve('');
  }
  releaseProgramPages(): number {
    throw new Error('not part of these tests');
  }
  writeNetnsFile(): Promise<void> {
    return Promise.resolve();
  }
  sendFrame(): void {}
  sendUnixDatagram(): void {}
}

/** One received message without a payload. */
function received(type: number): ArrayBuffer {
  const bytes = new Uint8Array(16);
  bytes[0] = 16;
  bytes[4] = type;
  return bytes.buffer;
}

let addon: ScriptedAddon;
let port: NetlinkPort;

beforeEach(() => {
  addon = new ScriptedAddon();
  port = openNetlinkOn(addon);
});

describe('a disturbed dump', () => {
  const disturbedTimes = (times: number): Answer => {
    let left = times;
    return ({ id }) => [id, 0, -1, undefined, left-- > 0, [received(MessageType.newLink)]];
  };

  test('is repeated, and nothing of it is delivered', async () => {
    addon.answer = disturbedTimes(9);
    let messages = 0;
    await port.dump(dumpLinks(), () => messages++);
    expect(addon.jobs.map(({ kind }) => kind)).toEqual(Array.from({ length: 10 }, () => JobKind.dump));
    expect(messages).toBe(1);
  });

  test('is an error after ten times', async () => {
    addon.answer = disturbedTimes(10);
    let messages = 0;
    await expect(port.dump(dumpLinks(), () => messages++)).rejects.toMatchObject({
      code: 'OVERLAY_NETLINK_INTERRUPTED',
      errno: EINTR,
      attempted: 'reading links',
    });
    expect(addon.jobs).toHaveLength(10);
    expect(messages).toBe(0);
  });

  test('is not repeated when the wait is over', async () => {
    const controller = new AbortController();
    addon.answer = ({ id }) => {
      if (addon.jobs.length === 3) controller.abort();
      return [id, 0, -1, undefined, true, []];
    };
    await expect(port.dump(dumpLinks(), () => undefined, { signal: controller.signal })).rejects.toMatchObject({
      code: 'OVERLAY_ABORTED',
    });
    expect(addon.jobs).toHaveLength(3);
  });
});

test('messages that lie behind each other go to the kernel as they lie, others in a copy', async () => {
  const messages = [deleteLink(1), deleteLink(2), deleteLink('eth0')];
  const joined = Buffer.concat(messages);
  const at = [0, messages[0].length, messages[0].length + messages[1].length, joined.length];
  const inRow = [0, 1, 2].map((which) => joined.subarray(at[which], at[which + 1]));
  await port.send(inRow);
  await port.send([inRow[1], inRow[0], inRow[2]]);
  await port.send([inRow[0], inRow[2]]);
  await port.send(messages);
  const sent = addon.jobs.map((job) => job.messages);
  expect(sent.map(({ buffer }) => buffer === joined.buffer)).toEqual([true, false, false, false]);
  expect([...sent[0]]).toEqual([...joined]);
  expect([...sent[1]]).toEqual([...Buffer.concat([messages[1], messages[0], messages[2]])]);
  expect([...sent[2]]).toEqual([...Buffer.concat([messages[0], messages[2]])]);
  expect([...sent[3]]).toEqual([...joined]);
});

test('answers that were lost are an overflow, of a query and of single messages', async () => {
  addon.answer = ({ id }) => [id, 0, -1, undefined, true, []];
  await expect(port.query(getLink('eth0'))).rejects.toMatchObject({ code: 'OVERLAY_NETLINK_OVERFLOW', errno: ENOBUFS });
  addon.answer = ({ id }) => [id, 0, -1, undefined, true, [1, ENOBUFS, -1, undefined]];
  const failures = await port.send([deleteLink(1), deleteLink(2)]);
  expect([...failures]).toEqual([
    [1, expect.objectContaining({ code: 'OVERLAY_NETLINK_OVERFLOW', attempted: 'deleting link #2' })],
  ]);
  expect(failures.get(1)?.message).toContain('read the state again');
});

test('a query without an answer is an error', async () => {
  await expect(port.query(getLink('eth0'))).rejects.toMatchObject({ errnoName: 'ENOENT' });
});

test('a large batch goes in slices, and its failures keep their places', async () => {
  addon.answer = ({ id }) => [id, 0, -1, undefined, false, [0, 17, 20, 'why']];
  const failures = await port.send(Array.from({ length: 10_000 }, () => deleteLink(1)));
  expect(addon.jobs.length).toBeGreaterThan(1);
  const places = [...failures.keys()];
  expect(places).toHaveLength(addon.jobs.length);
  expect(failures.get(places[1])).toMatchObject({ errnoName: 'EEXIST', kernelText: 'why', offset: 20 });
  expect(addon.jobs.reduce((bytes, { messages }) => bytes + messages.length, 0)).toBe(10_000 * deleteLink(1).length);
});

test('an abort cancels the job and no further slice is sent', async () => {
  const controller = new AbortController();
  addon.answer = () => {
    controller.abort();
    return undefined;
  };
  const messages = Array.from({ length: 10_000 }, () => deleteLink(1));
  await expect(port.send(messages, { signal: controller.signal })).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
  expect(addon.cancelled).toEqual([addon.jobs[0].id]);
  expect(addon.jobs).toHaveLength(1);
});

test('a monitor whose socket broke says so once, and is closed', () => {
  const errors: unknown[] = [];
  const monitor = port.monitor({
    groups: [1],
    onMessage: () => errors.push('message'),
    onOverflow: () => errors.push('overflow'),
    onError: (error) => errors.push(error),
  });
  addon.emit(EventKind.failed, 9, new ArrayBuffer(0));
  addon.emit(EventKind.failed, 9, new ArrayBuffer(0));
  addon.emit(EventKind.overflow, ENOBUFS, new ArrayBuffer(0));
  addon.emit(EventKind.messages, 0, received(MessageType.newLink));
  expect(errors).toEqual([expect.objectContaining({ code: 'OVERLAY_NETLINK_MONITOR', errnoName: 'EBADF' })]);
  expect(monitor.open).toBe(false);
  expect(addon.closedMonitors).toBe(1);
});
