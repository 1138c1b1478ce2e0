import { expect, test } from '@jest/globals';
import type { Family } from '@overlay/core';
import { cameBack } from '@overlay/lab';
import type { LabHost } from '@overlay/lab';
import { OverlayLab } from '../support/overlay-lab.js';
import { run } from '../support/program.js';
import { describeWithKubernetes } from '../support/servers-needed.js';
import { until } from '../support/until.js';

interface Node {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  readonly spec: { readonly podCIDRs: readonly string[] };
  readonly status: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason: string;
      readonly message: string;
    }[];
  };
}

const FLANNEL = 'flannel.alpha.coreos.com/';
const FAMILIES: Readonly<Record<string, readonly Family[]>> = { ipv4: ['ipv4'], dual: ['ipv4', 'ipv6'] };

async function nodeOf(overlay: OverlayLab, host: LabHost): Promise<Node> {
  return await overlay.kubernetes.do<Node>({ method: 'GET', path: `/api/v1/nodes/${host.name}` });
}

/** The backend data of flannel for a device: its MAC is the last member, since flanneld cuts it out of the text. */
async function vtep(overlay: OverlayLab, host: LabHost, device: string): Promise<string> {
  const [link] = await overlay.objects(host, `link show ${device}`);
  return `{"VNI":1,"VtepMAC":"${String(link.address)}"}`;
}

describeWithKubernetes('three hosts on Kubernetes', () => {
  test.each([
    ['vxlan', 'ipv4'],
    ['vxlan', 'dual'],
    ['host-gw', 'ipv4'],
  ])(
    '%s, %s: annotations are flannel’s, byte for byte, the network is available, and all pods reach each other',
    async (type, families) => {
      await using overlay = await OverlayLab.create({
        hosts: 3,
        families: FAMILIES[families],
        backend: { Type: type },
        store: 'kube',
      });
      await overlay.startAll();
      const results = await overlay.lab.pingMatrix({ count: 1 });
      expect(results.length).toBeGreaterThan(0);
      expect(results.filter((result) => !cameBack(result))).toEqual([]);

      for (const host of overlay.lab.hosts) {
        const { metadata, spec } = await nodeOf(overlay, host);
        const { ipv4, ipv6 } = host.addresses;
        const isVxlan = type === 'vxlan';
        const dual = ipv6 !== undefined;
        const theirs = Object.entries(metadata.annotations).filter(([name]) => name.startsWith(FLANNEL));
        expect(Object.fromEntries(theirs)).toEqual({
          [`${FLANNEL}kube-subnet-manager`]: 'true',
          [`${FLANNEL}public-ip`]: ipv4,
          [`${FLANNEL}backend-type`]: type,
          [`${FLANNEL}backend-data`]: isVxlan ? await vtep(overlay, host, 'flannel.1') : 'null',
          ...(dual && { [`${FLANNEL}public-ipv6`]: ipv6 }),
          ...(dual && { [`${FLANNEL}backend-v6-data`]: isVxlan ? await vtep(overlay, host, 'flannel-v6.1') : 'null' }),
        });
        expect(host.pods[0].addresses.ipv4).toBe(spec.podCIDRs[0].replace('.0/24', '.2'));
        const condition = async (): Promise<object | undefined> =>
          (await nodeOf(overlay, host)).status.conditions?.find((each) => each.type === 'NetworkUnavailable');
        await until(async () => (await condition()) !== undefined, `${host.name} has the condition`);
        expect(await condition()).toMatchObject({
          status: 'False',
          reason: 'FlannelIsUp',
          message: 'Flannel is running on this node',
        });
      }

      // The podCIDR is Kubernetes' to give, what a person has set is theirs.
      const [host, other] = overlay.lab.hosts;
      await host.agent?.stop();
      const mine = { [`${FLANNEL}node-public-ip`]: String(host.addresses.ipv4) };
      const path = `/api/v1/nodes/${host.name}`;
      const mergePatch = 'application/merge-patch+json';
      const body = { metadata: { annotations: mine } };
      await overlay.kubernetes.do({ method: 'PATCH', path, type: mergePatch, body });
      const args = ['cleanup', '--release-lease', ...overlay.flags(host)];
      const released = await run({ name: 'overlay', args, netns: host.netns, env: { NODE_NAME: host.name } });
      expect(released).toMatchObject({ code: 0, stdout: expect.stringMatching(/^removed lease 10\..* of host h1$/m) });
      const { metadata, spec } = await nodeOf(overlay, host);
      const left = Object.entries(metadata.annotations).filter(([name]) => name.startsWith(FLANNEL));
      expect(Object.fromEntries(left)).toEqual(mine);
      expect(spec.podCIDRs[0]).toBe(host.pods[0].addresses.ipv4?.replace(/\.2$/, '.0/24'));
      await overlay.settled(other, 1);
    },
    120_000,
  );
});
