import type { LabHost } from '@overlay/lab';

/** The protocol number of our routes. */
const OURS = '111';
/** Until a host is looked at again. */
const LOOK_MS = 250;

/** What a backend needs of each other host, and how to ask for it: routes first, which come last. */
function questionsOf(backend: string): readonly (readonly string[])[] {
  const routes = ['ip', 'route', 'show', 'proto', OURS];
  if (backend !== 'vxlan') return [routes];
  return [
    routes,
    ['ip', 'neigh', 'show', 'dev', 'flannel.1', 'nud', 'permanent'],
    ['bridge', 'fdb', 'show', 'dev', 'flannel.1'],
  ];
}

/** How many other hosts a host's kernel can reach, as far as it matters to somebody who waits for `wanted` of them. */
async function peersInKernel(host: LabHost, backend: string, wanted: number): Promise<number> {
  let fewest = Infinity;
  for (const question of questionsOf(backend)) {
    // Without the device there is nothing yet, and that is said as an error.
    const { stdout } = await host.exec([...question], { check: false });
    const lines = stdout.split('\n').filter((line) => (question[0] === 'bridge' ? / dst /.test(line) : line !== ''));
    fewest = Math.min(fewest, lines.length);
    // Each question is a program of its own, and takes processor time from those that it asks about.
    if (fewest < wanted) break;
  }
  return fewest;
}

/**
 * Waits until every host's kernel has every other host, looking at one host after the other: a host that has all is not
 * looked at again, and one that has not is seldom, so that what is asked does not slow down what is measured.
 *
 * @returns when the last one was seen to have all, in milliseconds since the Unix epoch.
 */
export async function allPairs(hosts: readonly LabHost[], backend: string, timeoutMs: number): Promise<number> {
  const end = Date.now() + timeoutMs;
  const wanted = hosts.length - 1;
  for (const host of hosts) {
    for (;;) {
      const found = await peersInKernel(host, backend, wanted);
      if (found === wanted) break;
      const exit = host.agent?.exitError();
      if (exit !== undefined) throw exit;
      if (Date.now() > end) {
        throw new Error(`after ${timeoutMs} ms ${host.name} has ${found} of ${wanted} other hosts`);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }
  return Date.now();
}
