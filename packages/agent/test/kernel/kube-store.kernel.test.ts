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
const FAMILIES: Readonly<Record<string, readonly Family[]>> = {
  ipv4: ['ipv4'],
  ipv6: ['ipv6'],
  dual: ['ipv4', 'ipv6'],
};

async function nodeOf(overlay: OverlayLab, host: LabHost): Promise<Node> {
  return await overlay.kubernetes.do<Node>({ method: 'GET', path: `/api/v1/nodes/${host.name}` });
}

/** The backend data of flannel for a device: its MAC is the last member, since flanneld cuts it out of the text. */
async function vtep(overlay: OverlayLab, host: LabHost, device: string): Promise<string> {
  const [link] = await overlay.objects(host, `link show ${device}`);
  return `{"VNI":1,"VtepMAC":"${String(link.address)}"}`;
}

/** What flanneld would write for a host. Of udp it says no type; there how our host receives is told in addition. */
async function flannelsAnnotations(overlay: OverlayLab, host: LabHost, type: string): Promise<object> {
  const { ipv4, ipv6 } = host.addresses;
  const data = async (device: string): Promise<unknown> => {
    if (type === 'vxlan') return await vtep(overlay, host, device);
    return type === 'udp' ? expect.stringMatching(/^\{"DataPath":"(kernel|user)"\}$/) : 'null';
  };
  // Only over vxlan it says nothing of an IPv4 that is not there.
  const without = type === 'vxlan' ? {} : { 'public-ip': '0.0.0.0', 'backend-data': 'null' };
  const annotations = {
    'kube-subnet-manager': 'true',
    'backend-type': type === 'udp' ? '' : type,
    ...(ipv4 === undefined ? without : { 'public-ip': ipv4, 'backend-data': await data('flannel.1') }),
    ...(ipv6 && { 'public-ipv6': ipv6, 'backend-v6-data': await data('flannel-v6.1') }),
  };
  return Object.fromEntries(Object.entries(annotations).map(([suffix, value]) => [FLANNEL + suffix, value]));
}

/** The subnets that a host's pods are in. */
function podSubnets(host: LabHost): string[] {
  const { ipv4, ipv6 } = host.pods[0].addresses;
  return [...(ipv4 ? [ipv4.replace(/\.2$/, '.0/24')] : []), ...(ipv6 ? [ipv6.replace(/::2$/, '::/64')] : [])];
}

describeWithKubernetes('three hosts on Kubernetes', () => {
  test.each([
    ['vxlan', 'ipv4'],
    ['vxlan', 'dual'],
    ['vxlan', 'ipv6'],
    ['host-gw', 'ipv4'],
    ['host-gw', 'dual'],
    ['host-gw', 'ipv6'],
    ['udp', 'ipv4'],
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
        const theirs = Object.entries(metadata.annotations).filter(([name]) => name.startsWith(FLANNEL));
        expect(Object.fromEntries(theirs)).toEqual(await flannelsAnnotations(overlay, host, type));
        expect(podSubnets(host)).toEqual(spec.podCIDRs);
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
      const { ipv4, ipv6 } = host.addresses;
      const mine = { [`${FLANNEL}node-public-${ipv4 ? 'ip' : 'ipv6'}`]: String(ipv4 ?? ipv6) };
      const path = `/api/v1/nodes/${host.name}`;
      const mergePatch = 'application/merge-patch+json';
      const body = { metadata: { annotations: mine } };
      await overlay.kubernetes.do({ method: 'PATCH', path, type: mergePatch, body });
      const args = ['cleanup', '--release-lease', ...overlay.flags(host)];
      const released = await run({ name: 'overlay', args, netns: host.netns, env: { NODE_NAME: host.name } });
      const lease = `removed lease ${podSubnets(host).join(', ')} of host h1\n`;
      expect(released).toMatchObject({ code: 0, stdout: expect.stringContaining(lease) });
      const { metadata, spec } = await nodeOf(overlay, host);
      const left = Object.entries(metadata.annotations).filter(([name]) => name.startsWith(FLANNEL));
      expect(Object.fromEntries(left)).toEqual(mine);
      expect(spec.podCIDRs).toEqual(podSubnets(host));
      await overlay.settled(other, 1);
    },
    120_000,
  );
});
