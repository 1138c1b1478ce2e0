/** What Kubernetes calls a condition of a Node, as much as matters here. */
export interface NodeCondition {
  /** `True`, `False` or `Unknown`. */
  readonly status: string;
  readonly reason: string;
}

/** What is read of a Node; the other nine tenths of it are passed over. */
export interface NodeFacts {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** As they are written, the one that `spec.podCIDR` repeats first. */
  readonly podCIDRs: readonly string[];
  /** Annotations of our network, by their names less the start that all have in common. */
  readonly annotations: ReadonlyMap<string, string>;
  /** The condition of type NetworkUnavailable, where it was asked for and is there. */
  readonly networkUnavailable?: NodeCondition;
  /** This ends the events by which a watch begins. Only on bookmarks. */
  readonly endsInitialEvents?: boolean;
}
