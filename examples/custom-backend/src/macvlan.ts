import { addressBits, deriveMac, FAMILIES, hostAttributes, networkAddress } from '@overlay/core';
import { readOptions, tryParseMac } from '@overlay/core';
import type { Backend, BackendFactory, BackendInit, BackendSupports, Endpoint, JsonObject, Mac } from '@overlay/core';
import { DeclarativeNetwork, directAddresses } from '@overlay/linux';
import type { Adjacency, Linux, LinuxObject, NetworkDesign } from '@overlay/linux';
import { map } from 'rxjs';

const TYPE = 'macvlan';

const SUPPORTS: BackendSupports = {
  ipv4: true,
  ipv6: true,
  dualStack: true,
  crossesSubnets: false,
  encryption: false,
  survivesAgent: true,
  flannelInterop: false,
};

/** Hosts on one link, each with a second MAC there at which its pods are reached. Nothing is added to a packet. */
export function macvlan({ linux }: { readonly linux: Linux }): BackendFactory {
  return { type: TYPE, supports: SUPPORTS, create: (init) => makeBackend(linux, init) };
}

function makeBackend(linux: Linux, init: BackendInit): Backend {
  const { netConf, hostId, logger } = init;
  const { values, warnings } = readOptions(netConf.backend, { Tag: { type: 'integer', min: 1, max: 255, default: 1 } });
  for (const warning of warnings) logger?.warn(warning);
  const id = `${TYPE}/${values.Tag}`;
  const mac = deriveMac(`${id} ${hostId}`);
  const data = (): JsonObject => ({ MAC: mac });
  return {
    type: TYPE,
    supports: SUPPORTS,
    endpointId: id,
    overhead: () => 0,
    preflight: (wish) => linux.preflight({ ...wish, netConf, kind: TYPE }),
    claims: ({ attributes: { backendType, ipv4, ipv6 } }) => {
      const theirs = macOf(ipv4) ?? macOf(ipv6);
      return theirs && backendType === TYPE ? [`MAC ${theirs}`] : [];
    },
    attributes$: ({ host$ }) => host$.pipe(map((host) => hostAttributes({ backendType: TYPE, netConf, host, data }))),
    open: async (context) => {
      const design = designOf(linux, init, id, mac, await linux.adjacency({ confirmed: false }));
      return DeclarativeNetwork.open(design, linux.reconciler, context, logger);
    },
  };
}

/** What this host and each peer need in the kernel. Order, retry, healing and restart are done for it. */
function designOf(linux: Linux, init: BackendInit, id: string, mac: Mac, adjacency: Adjacency): NetworkDesign {
  const link = id.replace('/', '.');
  const device = { kind: 'link', name: link, type: 'macvlan', alias: linux.alias, mac, up: true } as const;
  return {
    name: id,
    watch: adjacency,
    watched: directAddresses,
    marks: () => linux.marks({ ...init, devices: [link] }),
    device({ host, lease }) {
      const { mtu, name: lower } = host.interface;
      const objects: LinuxObject[] = [...linux.hostSettings(init.netConf), { kind: 'device-settings', link }];
      objects.push({ ...device, mtu, macvlan: { lower, mode: 'bridge' } });
      for (const family of FAMILIES) {
        const address = lease.subnets[family] && networkAddress(lease.subnets[family]);
        if (address) objects.push({ kind: 'address', link, address, prefixLength: addressBits(family) });
      }
      return { objects, mtu };
    },
    peer({ subnets, attributes }, { host, lease: own }) {
      const objects: LinuxObject[] = [];
      const problems: string[] = [];
      const { backendType } = attributes;
      if (backendType !== TYPE) return { objects, problem: `it publishes ${backendType}, and this network is ${TYPE}` };
      for (const family of FAMILIES) {
        const destination = subnets[family];
        if (!destination || !own.subnets[family]) continue;
        const endpoint = attributes[family];
        const theirs = macOf(endpoint);
        const verdict = endpoint && adjacency.verdict(endpoint.publicIP, host);
        if (endpoint && !verdict) return { objects, undecided: true };
        if (theirs && verdict?.direct) {
          const gateway = networkAddress(destination);
          objects.push({ kind: 'neighbour', link, address: gateway, mac: theirs });
          objects.push(linux.route({ destination, link, gateway, onlink: true }));
        } else problems.push(verdict?.reason ?? `it publishes no ${family} address with a MAC`);
      }
      return problems.length > 0 ? { objects, problem: problems.join('; ') } : { objects };
    },
  };
}

function macOf(endpoint: Endpoint | undefined): Mac | undefined {
  const { MAC } = (endpoint?.data ?? {}) as JsonObject;
  return typeof MAC === 'string' ? tryParseMac(MAC) : undefined;
}
