import type { Prefix } from '../address/index.js';
import type { NetworkState } from '../backend.js';
import { errorText } from '../errors.js';
import type { PerFamily } from '../lease.js';
import { FAMILIES } from '../lease.js';
import type { NetConf } from '../net-conf/index.js';
import type { Logger } from '../ports/logger.js';
import type { SubnetEnv, SubnetEnvFamily } from '../subnet-env.js';
import type { SubnetFile } from './options.js';
import type { PodMtu } from './pod-mtu.js';
import type { SubnetFileWriter } from './subnet-file-writer.js';

/** What {@link HostSubnets} works with. */
export interface HostSubnetsContext {
  readonly file: SubnetFile | undefined;
  readonly writer: SubnetFileWriter | undefined;
  readonly mtu: PodMtu;
  /** What the file says of masquerading. */
  readonly ipMasq: boolean;
  readonly logger: Logger;
}

/** The host's subnets and MTU, as `subnet.env` has them from the run before, and is to have them. */
export class HostSubnets {
  readonly #context: HostSubnetsContext;

  constructor(context: HostSubnetsContext) {
    this.#context = context;
  }

  /** The subnets on record. Never rejects: a file that cannot be read is found out when it is written. */
  async recorded(signal: AbortSignal): Promise<PerFamily<Prefix> | undefined> {
    const { file, mtu, logger } = this.#context;
    try {
      const record = await file?.read({ signal });
      mtu.recorded(record?.mtu);
      const subnets: { ipv4?: Prefix; ipv6?: Prefix } = {};
      for (const family of FAMILIES) {
        const subnet = record?.[family]?.subnet;
        if (subnet !== undefined) subnets[family] = subnet;
      }
      return subnets;
    } catch (error) {
      logger.warn(`reading subnet.env: ${errorText(error)}`);
      return undefined;
    }
  }

  /** The host can carry traffic by these: only now pods may be started. */
  follow(subnets: PerFamily<Prefix>, { mtu }: NetworkState, netConf: NetConf | undefined): void {
    const { writer, ipMasq } = this.#context;
    if (writer === undefined) return;
    const content: { ipv4?: SubnetEnvFamily; ipv6?: SubnetEnvFamily } = {};
    for (const family of FAMILIES) {
      const subnet = subnets[family];
      const conf = netConf?.[family];
      if (subnet !== undefined && conf !== undefined) content[family] = { network: conf.network, subnet };
    }
    const env: SubnetEnv = { ...content, mtu, ipMasq };
    this.#context.mtu.follow(mtu, subnets);
    writer.want(env);
  }
}
