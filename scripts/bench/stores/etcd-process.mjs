// An etcd of one member on loopback, as long as a benchmark runs. It does not wait for the disk, whose speed is not what is
// measured.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';

async function freePorts(count) {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Runs one etcd as long as the work lasts; the work is told its URL, its process id, and the folder of its data. */
export async function withEtcd(work) {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'overlay-bench-etcd-'));
  const [client, peer] = await freePorts(2);
  const [url, peerUrl] = [`http://127.0.0.1:${client}`, `http://127.0.0.1:${peer}`];
  const etcd = spawn(
    'etcd',
    [
      ...['--name', 'bench', '--data-dir', path.join(directory, 'data')],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', `bench=${peerUrl}`, '--unsafe-no-fsync', '--log-level=error'],
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise((resolve) => etcd.once('exit', resolve).once('error', resolve));
  try {
    for (let left = 200; ; left--) {
      const answer = await globalThis.fetch(`${url}/health`).catch(() => undefined);
      if (answer?.ok) break;
      if (left === 0 || etcd.exitCode !== null || etcd.pid === undefined) throw new Error('etcd does not start');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return await work({ url, pid: etcd.pid, directory });
  } finally {
    etcd.kill('SIGKILL');
    await ended;
    rmSync(directory, { recursive: true, force: true });
  }
}
