import { BehaviorSubject } from 'rxjs';
import type {
  AgentOptions,
  Host,
  HostState,
  Lease,
  NetConf,
  SubnetEnv,
  SubnetEnvReading,
  SubnetFile,
  SubnetManager,
} from '@overlay/core';
import {
  Agent,
  formatSubnetEnv,
  parseAddress,
  parseNetConf,
  parsePrefix,
  parseSubnetEnv,
  StaticSubnetManager,
} from '@overlay/core';
import { FakeBackendControl } from './fake-backend.js';
import { HandClock, RecordingLogger, settle } from '@overlay/core/testing';

export class MemoryFile implements SubnetFile {
  text: string | undefined;
  writes = 0;
  failures = 0;
  constructor(private readonly log: string[]) {}

  async read(): Promise<SubnetEnvReading | undefined> {
    return this.text === undefined ? undefined : parseSubnetEnv(this.text);
  }

  async write(content: SubnetEnv): Promise<void> {
    if (this.failures > 0) {
      this.failures--;
      throw new Error('disk full');
    }
    this.log.push('write subnet.env');
    this.writes++;
    this.text = formatSubnetEnv(content);
  }
}

export function conf(text: Record<string, unknown> = {}): NetConf {
  return parseNetConf(JSON.stringify({ Network: '10.244.0.0/16', Backend: { Type: 'fake' }, ...text }));
}

export function host(last: number, name = 'eth0', mtu = 1500): Host {
  const address = parseAddress(`192.0.2.${last}`);
  return { interface: { name, index: 2, mtu, broadcast: true }, ipv4: { address, publicIP: address } };
}

export function peer(key: string, subnet: string, last: number): Lease {
  return {
    key,
    subnets: { ipv4: parsePrefix(subnet) },
    attributes: { backendType: 'fake', ipv4: { publicIP: parseAddress(`192.0.2.${last}`) } },
  };
}

/** Peers n1, n2, … with subnets and addresses of their own. */
export function peers(count: number): Lease[] {
  return Array.from({ length: count }, (_, at) => peer(`n${at + 1}`, `10.244.${at + 1}.0/24`, at + 101));
}

/** An agent with everything around it in the test's hands. */
export class World {
  readonly clock = new HandClock();
  readonly logger = new RecordingLogger();
  readonly backend = new FakeBackendControl();
  readonly host$ = new BehaviorSubject<HostState>({ host: host(1) });
  readonly file = new MemoryFile(this.backend.log);
  readonly store: StaticSubnetManager;
  readonly agent: Agent;

  constructor(
    options: Partial<AgentOptions> = {},
    store: { netConf?: NetConf; leases?: Lease[]; manager?: (store: StaticSubnetManager) => SubnetManager } = {},
  ) {
    this.store = new StaticSubnetManager({
      netConf: store.netConf ?? conf(),
      leases: store.leases ?? [],
      clock: this.clock,
    });
    this.agent = new Agent({
      hostId: 'host-a',
      subnetManager: store.manager?.(this.store) ?? this.store,
      backends: [this.backend.factory('fake'), this.backend.factory('other'), this.backend.factory('alone')],
      host$: this.host$,
      subnetFile: this.file,
      clock: this.clock,
      logger: this.logger,
      random: () => 0,
      ...options,
    });
  }

  get log(): string[] {
    return this.backend.log;
  }

  /** Why it is not ready: conditions only. */
  missing(): string[] {
    return this.agent.status().readiness.reasons.map(({ condition }) => condition);
  }

  async started(): Promise<this> {
    await this.agent.start();
    await settle();
    return this;
  }
}
