import { chmodSync, statSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { connect, createServer } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { askAgent } from '../../dist/control/client.js';
import { serveControl } from '../../dist/control/server.js';
import { Folder } from '../support/folder.js';

/** Sends a text and gives everything that comes back until the other side hangs up. */
function send(path: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect({ path }, () => socket.write(text));
    socket.setEncoding('utf8').on('data', (part: string) => (answer += part));
    socket.on('error', reject).on('close', () => resolve(answer));
  });
}

async function listening(path: string, onText: (server: Server) => Server): Promise<Server> {
  const server = onText(createServer());
  await new Promise<void>((resolve) => server.listen({ path }, resolve));
  return server;
}

describe('the socket of an agent', () => {
  test('is answered by one line, and only its owner can connect', async () => {
    using folder = new Folder();
    const path = folder.at('run', 'a.sock');
    const umask = process.umask(0);
    const asked: unknown[] = [];
    try {
      const answer = async (request: unknown): Promise<string> => {
        asked.push(request);
        return '{"phase":"ready"}';
      };
      const server = await serveControl({ path, answer });
      try {
        expect(process.umask()).toBe(0);
        expect(statSync(path).mode & 0o777).toBe(0o600);
        expect(await askAgent({ do: 'status' }, { path, timeoutMs: 5000 })).toEqual({ phase: 'ready' });
        expect(await send(path, '{"do":"apply"}\nmore')).toBe('{"answer":{"phase":"ready"}}\n');
        expect(asked).toEqual([{ do: 'status' }, { do: 'apply' }]);
      } finally {
        server.close();
      }
      await expect(askAgent({ do: 'status' }, { path, timeoutMs: 5000 })).rejects.toMatchObject({
        code: 'OVERLAY_AGENT_ABSENT',
      });
    } finally {
      process.umask(umask);
    }
  });

  test.each([['nonsense\n'], ['{"do":"rm"}\n'], ['[]\n'], ['null\n'], [`${'x'.repeat(2000)}`]])(
    'is refused what it does not know: %j',
    async (text) => {
      using folder = new Folder();
      const path = folder.at('a.sock');
      const server = await serveControl({ path, answer: async () => 'never' });
      try {
        expect(JSON.parse(await send(path, text))).toEqual({ error: expect.stringContaining('does not know') });
      } finally {
        server.close();
      }
    },
  );

  test('tells why something could not be done', async () => {
    using folder = new Folder();
    const path = folder.at('a.sock');
    const server = await serveControl({ path, answer: () => Promise.reject(new Error('too early')) });
    try {
      await expect(askAgent({ do: 'apply' }, { path, timeoutMs: 5000 })).rejects.toMatchObject({
        code: 'OVERLAY_AGENT_REFUSED',
        message: 'the agent says: too early',
      });
    } finally {
      server.close();
    }
  });

  test('takes the place of one that was left behind, and of nothing else that cannot be removed', async () => {
    using folder = new Folder();
    const path = folder.at('a.sock');
    writeFileSync(path, 'left');
    const server = await serveControl({ path, answer: async () => '1' });
    expect(await askAgent({ do: 'status' }, { path, timeoutMs: 5000 })).toBe(1);
    server.close();
    await expect(serveControl({ path: '/proc/nowhere/a.sock', answer: async () => '1' })).rejects.toMatchObject({
      code: 'OVERLAY_CONTROL_LISTEN',
      key: '--run-dir',
    });
  });
});

describe('asking', () => {
  test('somebody who does not answer is given up', async () => {
    using folder = new Folder();
    const path = folder.at('a.sock');
    const server = await listening(path, (made) => made.on('connection', (socket) => socket.resume()));
    try {
      await expect(askAgent({ do: 'status' }, { path, timeoutMs: 50 })).rejects.toMatchObject({
        code: 'OVERLAY_AGENT_SILENT',
      });
    } finally {
      server.close();
    }
  });

  test('somebody who hangs up, or talks nonsense, has not answered', async () => {
    using folder = new Folder();
    const path = folder.at('a.sock');
    const server = await listening(path, (made) => made.on('connection', (socket) => socket.resume().end('what?')));
    try {
      await expect(askAgent({ do: 'status' }, { path, timeoutMs: 5000 })).rejects.toMatchObject({
        code: 'OVERLAY_AGENT_SILENT',
      });
    } finally {
      server.close();
    }
  });

  test('a socket that nobody listens on any more is as good as none', async () => {
    using folder = new Folder();
    const path = folder.at('a.sock');
    writeFileSync(path, '');
    chmodSync(path, 0o600);
    await expect(askAgent({ do: 'status' }, { path, timeoutMs: 5000 })).rejects.toMatchObject({
      code: 'OVERLAY_AGENT_ABSENT',
    });
  });
});
