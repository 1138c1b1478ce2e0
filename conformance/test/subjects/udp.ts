import { udp } from '@overlay/backend-udp';
import type { BackendSubject, InProcess } from '@overlay/conformance/backend';
import { kernelEnvironment } from '@overlay/conformance/backend';
import { addressFamily, FAMILIES } from '@overlay/core';
import type { Address, PerFamily, Prefix } from '@overlay/core';
import type { KernelObject, Linux } from '@overlay/linux';
import { ours } from './makers.js';

/** A peer of the user path's engine, as it is wanted of the reconciler. */
interface EnginePeer extends KernelObject {
  readonly peer: {
    readonly key: string;
    readonly subnets: PerFamily<Prefix>;
    readonly endpoints: PerFamily<Address>;
    readonly port: number;
    readonly senders: readonly Address[];
  };
}

/** Where the user path sends a peer's packets, and from where it takes some. */
const enginePeers: InProcess = {
  kind: 'udp-engine-peer',
  show: (object) => {
    const { key, subnets, endpoints, port, senders } = (object as EnginePeer).peer;
    return [
      ...FAMILIES.flatMap((family) => {
        const [subnet, endpoint] = [subnets[family], endpoints[family]];
        if (subnet === undefined || endpoint === undefined) return [];
        const title = `engine sends ${subnet}`;
        return [{ key: title, family, text: `${title} for ${key} to ${endpoint} port ${port}` }];
      }),
      ...senders.map((sender) => {
        const text = `engine hears ${key} from ${sender}`;
        return { key: text, family: addressFamily(sender), text };
      }),
    ];
  },
};

const subject = {
  implementation: ours('backend-udp'),
  environment: kernelEnvironment({ inProcess: [enginePeers] }),
  factory: (linux: Linux) => udp({ linux }),
};

export const conformance: readonly BackendSubject<Linux>[] = [
  { ...subject, mode: 'kernel', options: { DataPath: 'kernel' } },
  { ...subject, mode: 'user', options: { DataPath: 'user' } },
];
