/** What kinds of subnet manager differ in. */
export interface SubnetManagerSupports {
  /** Subnets are chosen by the subnet manager. If not, whoever keeps the store gives each host one in each family. */
  readonly chooses: boolean;
  /** Leases outlive the subnet manager: another one on the same store finds them. */
  readonly persistent: boolean;
  /** A person can keep a subnet for one host, as `reserve` of the store under test does. */
  readonly reserves: boolean;
  /** Two hosts that publish one address are both told. */
  readonly tellsRivals: boolean;
  /** Says when its view was last confirmed only once it has been. Memory that is the store itself always is. */
  readonly confirms: boolean;
}

export type SubnetManagerFeature = keyof SubnetManagerSupports;

/** Every feature that there is. */
export const SUBNET_MANAGER_FEATURES: readonly SubnetManagerFeature[] = [
  'chooses',
  'confirms',
  'persistent',
  'reserves',
  'tellsRivals',
];
