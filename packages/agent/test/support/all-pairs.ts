import type { LabHost } from '@overlay/lab';

/** The protocol number of our routes. */
const OURS = '111';

/** How many other hosts a host's kernel can reach: the fewest of what the backend needs of each of them. */
export async function peersInKernel(host: LabHost, backend: string): Promise<number> {
  const questions = [['ip', 'route', 'show', 'proto', OURS]];
  if (backend === 'vxlan') {
    questions.push(['ip', 'neigh', 'show', 'dev', 'flannel.1', 'nud', 'permanent']);
    questions.push(['bridge', 'fdb', 'show', 'dev', 'flannel.1']);
  }
  let fewest = Infinity;
  for (const question of questions) {
    // Without the device there is nothing yet, and that is said as an error.
    const { stdout } = await host.exec(question, { check: false });
    const lines = stdout.split('\n').filter((line) => (question[0] === 'bridge' ? / dst /.test(line) : line !== ''));
    fewest = Math.min(fewest, lines.length);
  }
  return fewest;
}

/**
 * Waits until every host's kernel has every other host, looking at one host after the other: a host that has all is not
 * looked at again, so what is asked does not slow down what is measured.
 *
 * @returns when the last one was seen to have all, in milliseconds since the Unix epoch.
 */
export async function allPairs(hosts: readonly LabHost[], backend: string, timeoutMs: number): Promise<number> {
  const end = Date.now() + timeoutMs;
  for (const host of hosts) {
    for (;;) {
      const found = await peersInKernel(host, backend);
      if (found === hosts.length - 1) break;
      const exit = host.agent?.exitError();
      if (exit !== undefined) throw exit;
      if (Date.now() > end) {
        throw new Error(`after ${timeoutMs} ms ${host.name} has ${found} of ${hosts.length - 1} other hosts`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return Date.now();
}
