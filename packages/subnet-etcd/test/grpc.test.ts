import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '@overlay/core/testing';
import { parseEndpoint } from '../dist/client/endpoint.js';
import { Connection } from '../dist/client/connection.js';
import { frame, FrameReader } from '../dist/grpc/framing.js';
import { SharedLinks } from '../dist/grpc/shared-links.js';
import type { Method } from '../dist/rpc/methods.js';

const texts = (chunks: readonly Buffer[], reader = new FrameReader()): string[] =>
  chunks.flatMap((chunk) => reader.take(chunk)).map((message) => message.toString());

describe('messages of gRPC', () => {
  const bytes = Buffer.concat([frame(Buffer.from('one')), frame(Buffer.alloc(0)), frame(Buffer.from('three'))]);

  test('are a byte 0, four bytes of length, and the message', () => {
    expect(frame(Buffer.from('ab')).toString('hex')).toBe('00' + '00000002' + '6162');
  });

  test.each(Array.from({ length: bytes.length }, (_, at) => at))(
    'come out whole when they are cut at byte %d',
    (at) => {
      expect(texts([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(['one', '', 'three']);
    },
  );

  test('come out whole when each byte comes alone; a piece of one is pending', () => {
    const reader = new FrameReader();
    expect(
      texts(
        [...bytes].map((byte) => Buffer.of(byte)),
        reader,
      ),
    ).toEqual(['one', '', 'three']);
    expect(reader.pending).toBe(false);
    reader.take(bytes.subarray(0, 2));
    expect(reader.pending).toBe(true);
  });

  test('that are compressed are refused', () => {
    expect(() => texts([Buffer.from('0100000001ff', 'hex')])).toThrow(expect.objectContaining({ code: 13 }));
  });
});

describe('calls', () => {
  const ECHO: Method<string, string> = { path: '/test/Echo', encode: (text) => Buffer.from(text), decode: String };
  const { signal } = new AbortController();
  let server: Http2Server;
  let sessions: ServerHttp2Session[];
  let answer: (stream: ServerHttp2Stream) => void;
  let asked: Record<string, unknown>[];
  let open: Connection[];

  beforeEach(async () => {
    [sessions, asked, open] = [[], [], []];
    server = createServer();
    server.on('session', (session) => sessions.push(session));
    server.on('stream', (stream, headers) => {
      asked.push(headers);
      stream.on('error', () => undefined);
      answer(stream);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(async () => {
    for (const connection of open) connection.close();
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  async function connect(links?: SharedLinks): Promise<Connection> {
    const endpoint = parseEndpoint(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, false);
    const connection = await Connection.open(endpoint, { ca: null, cert: null, key: null }, links);
    open.push(connection);
    return connection;
  }

  const ask = async (timeoutMs = 20_000, connection?: Connection): Promise<string> =>
    (connection ?? (await connect())).unary(ECHO, 'hello', { headers: { token: 't' }, timeoutMs, signal });

  /** An answer of messages and then a status, as gRPC servers give it. */
  function says(status: Record<string, string>, ...messages: string[]): (stream: ServerHttp2Stream) => void {
    return (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers(status));
      for (const message of messages) stream.write(frame(Buffer.from(message)));
      stream.end();
    };
  }

  test('are posts with a time limit and the headers of the caller', async () => {
    answer = says({ 'grpc-status': '0' }, 'hi');
    expect(await ask(1_500_000)).toBe('hi');
    expect(asked).toEqual([
      expect.objectContaining({
        ...{ ':method': 'POST', ':path': '/test/Echo', 'content-type': 'application/grpc', te: 'trailers' },
        ...{ 'grpc-timeout': '1500000m', token: 't' },
      }),
    ]);
  });

  test('fail with the status of the server, after messages or without any', async () => {
    answer = says({ 'grpc-status': '9', 'grpc-message': 'caf%C3%A9' }, 'hi');
    await expect(ask()).rejects.toMatchObject({ code: 9, details: 'café' });
    const headers = { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '7', 'grpc-message': '100%' };
    answer = (stream) => stream.respond(headers, { endStream: true });
    await expect(ask()).rejects.toMatchObject({ code: 7, details: '100%' });
  });

  test('fail when what answers is no server of gRPC', async () => {
    answer = (stream) => stream.respond({ ':status': 503 }, { endStream: true });
    await expect(ask()).rejects.toMatchObject({ code: 14, details: 'it answers with the HTTP status 503' });
  });

  test('fail when a success brings no message, or a message that is not whole', async () => {
    answer = says({ 'grpc-status': '0' });
    await expect(ask()).rejects.toMatchObject({ code: 13 });
    answer = (stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(frame(Buffer.from('hello')).subarray(0, 7));
    };
    await expect(ask()).rejects.toMatchObject({ code: 14 });
  });

  test('end when their time is over, and tell the server', async () => {
    const ended: number[] = [];
    answer = (stream) => stream.on('close', () => ended.push(stream.rstCode));
    await expect(ask(50)).rejects.toMatchObject({ code: 4 });
    await until('the server knows', () => ended.length > 0);
    expect(ended).toEqual([8]);
  });

  test('go on as long as an answer comes in pieces', async () => {
    const whole = frame(Buffer.from('a long answer'));
    const silenceMs = 600;
    answer = (stream) => {
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      const send = (at: number): void => {
        stream.write(whole.subarray(at, at + 2));
        if (at + 2 >= whole.length) stream.end();
        else setTimeout(() => send(at + 2), silenceMs / 4);
      };
      send(0);
    };
    const began = performance.now();
    const asking = (await connect()).unary(ECHO, 'hello', {
      ...{ headers: {}, long: true, signal },
      timeoutMs: silenceMs,
    });
    expect(await asking).toBe('a long answer');
    expect(performance.now() - began).toBeGreaterThan(silenceMs);
    expect(asked[0]).not.toHaveProperty('grpc-timeout');
  });

  test('are answered though their time was over before this process came to read', async () => {
    const silenceMs = 100;
    answer = (stream) => {
      says({ 'grpc-status': '0' }, 'hi')(stream);
      // What is written has left when this runs; nothing of it is read meanwhile.
      setImmediate(() => {
        const end = performance.now() + 2 * silenceMs;
        while (performance.now() < end);
      });
    };
    expect(await ask(silenceMs)).toBe('hi');
  });

  test('end when their caller gives up', async () => {
    const stop = new AbortController();
    answer = () => stop.abort();
    const asking = (await connect()).unary(ECHO, '', { headers: {}, timeoutMs: 20_000, signal: stop.signal });
    await expect(asking).rejects.toMatchObject({ code: 'OVERLAY_ABORTED' });
  });

  test('fail when the connection is lost, which then is of no use', async () => {
    const connection = await connect();
    answer = () => sessions[0].destroy();
    await expect(ask(20_000, connection)).rejects.toMatchObject({ code: 14 });
    expect(connection.usable).toBe(false);
    await expect(ask(20_000, connection)).rejects.toMatchObject({ code: 14 });
  });

  test('share a connection where their callers do, until it is said to be a bad one', async () => {
    answer = says({ 'grpc-status': '0' }, 'hi');
    const links = new SharedLinks();
    const [one, two] = [await connect(links), await connect(links)];
    await Promise.all([ask(20_000, one), ask(20_000, two)]);
    expect(sessions.length).toBe(1);
    one.close();
    expect(await ask(20_000, two)).toBe('hi');
    two.leave();
    const three = await connect(links);
    expect(await ask(20_000, three)).toBe('hi');
    expect(sessions.length).toBe(2);
    // Nobody else is drawn in.
    expect(await ask(20_000, await connect())).toBe('hi');
    expect(sessions.length).toBe(3);
  });

  test('of many answers are told when their connection is left, unless they were ended before', async () => {
    const heard: string[] = [];
    const connection = await connect();
    const handlers = (name: string): Parameters<typeof connection.stream>[2] => ({
      message: () => undefined,
      ended: (error) => heard.push(`${name}: ${error?.code} ${error?.details}`),
    });
    connection.stream(ECHO, {}, handlers('one')).write('hello');
    connection.stream(ECHO, {}, handlers('two')).cancel();
    connection.leave();
    expect(heard).toEqual(['one: 14 the connection was left']);
  });

  test('a server that is about to go is asked nothing more', async () => {
    answer = says({ 'grpc-status': '0' }, 'hi');
    const connection = await connect();
    await ask(20_000, connection);
    sessions[0].goaway();
    await until('it is heard', () => !connection.usable);
  });
});
