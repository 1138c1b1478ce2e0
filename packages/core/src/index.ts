// Addresses and prefixes
export type {
  Address,
  AddressOf,
  Family,
  IPv4Address,
  IPv4Prefix,
  IPv6Address,
  IPv6Prefix,
  Mac,
  Prefix,
  PrefixOf,
} from './address/index.js';
export {
  addressAt,
  addressBits,
  addressBytes,
  addressFamily,
  addressFromBigInt,
  addressToBigInt,
  compareAddresses,
  comparePrefixes,
  deriveMac,
  formatAddress,
  formatMac,
  ipv4FromNumber,
  ipv4ToNumber,
  isIPv4Mapped,
  isLinkLocal,
  isLocalMac,
  isLoopback,
  isMulticast,
  isPrivate,
  isUnicastMac,
  isUniqueLocal,
  isUnspecified,
  lastAddress,
  macBytes,
  makePrefix,
  networkAddress,
  parseAddress,
  parseMac,
  parsePrefix,
  parsePrefixStrict,
  prefixContains,
  prefixesOverlap,
  prefixLength,
  subnetAt,
  subnetCount,
  subnetIndex,
  subnetsBetween,
  tryParseAddress,
  tryParseMac,
  tryParsePrefix,
} from './address/index.js';
export type { JsonObject, JsonValue } from './json.js';

// Errors
export type { OverlayErrorOptions } from './errors.js';
export { abortError, errorCode, errorText, OverlayError, throwIfAborted } from './errors.js';

// Configuration and subnet.env
export type {
  BackendConf,
  BooleanOption,
  EnumOption,
  FamilyConf,
  FormatNetConfOptions,
  IntegerOption,
  NetConf,
  OptionSpec,
  OptionsReading,
  OptionsSpec,
  OptionType,
  OptionValues,
  ParseNetConfOptions,
  StringOption,
} from './net-conf/index.js';
export { formatNetConf, parseNetConf, readOptions } from './net-conf/index.js';
export type { SubnetEnv, SubnetEnvFamily, SubnetEnvFamilyReading, SubnetEnvReading } from './subnet-env.js';
export { formatSubnetEnv, parseSubnetEnv } from './subnet-env.js';

// The host, backends and networks
export type { Host, HostAddress, HostInterface, HostState } from './host.js';
export type { HostAttributesInit } from './host-attributes.js';
export { hostAttributes } from './host-attributes.js';
export type {
  AttributesContext,
  Backend,
  BackendFactory,
  BackendInit,
  BackendSupports,
  Finding,
  LeftOverPeers,
  Network,
  NetworkProblem,
  NetworkState,
  NetworkStatus,
  OpenContext,
} from './backend.js';

// Leases and where they are kept
export type {
  BackendEndpoint,
  Endpoint,
  Lease,
  LeaseAttributes,
  LeaseChange,
  LeaseEvent,
  LeaseUpdate,
  PerFamily,
} from './lease.js';
export { FAMILIES } from './lease.js';
export type { LeaseValueReading } from './flannel-lease/index.js';
export { formatLeaseKey, formatLeaseValue, parseLeaseKey, parseLeaseValue } from './flannel-lease/index.js';
export type {
  ClaimsOf,
  Doubt,
  HeldLease,
  HeldRemoval,
  LeaseDelta,
  LeaseTableOptions,
  SharedAddress,
} from './lease-table/index.js';
export { LeaseTable } from './lease-table/index.js';
export type {
  AcquireOptions,
  AcquireRequest,
  ConfigEvent,
  OwnLease,
  OwnLeaseState,
  SubnetManager,
} from './subnet-manager.js';
export type { StaticSubnetManagerOptions } from './static-subnet-manager.js';
export { StaticSubnetManager } from './static-subnet-manager.js';
export { identityHash } from './identity-hash.js';
export { pickSubnet, subnetFits, SubnetPool } from './subnet-picker.js';

// The agent's loop
export type {
  AgentOptions,
  AgentPhase,
  HeldSubnet,
  AgentStatus,
  ApplyingConfiguration,
  FindPodInterfaces,
  NotReadyReason,
  PendingConfiguration,
  Plan,
  PodInterface,
  Readiness,
  ReadyCondition,
  StateFile,
  SubnetFile,
} from './agent/index.js';
export { Agent, makePlan, parseRecord } from './agent/index.js';

// Ports that a program gives
export type { Clock } from './ports/clock.js';
export { systemClock } from './ports/clock.js';
export type { LogFields, Logger } from './ports/logger.js';
export { silentLogger } from './ports/logger.js';
export type { Labels, Metrics } from './ports/metrics.js';
export { noMetrics } from './ports/metrics.js';
export { Token, TOKENS } from './tokens.js';
