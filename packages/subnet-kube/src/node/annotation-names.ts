/** What flannel's annotations are called, less what their names begin with. */
export const SUFFIXES = {
  managed: 'kube-subnet-manager',
  backendType: 'backend-type',
  data: { ipv4: 'backend-data', ipv6: 'backend-v6-data' },
  publicIP: { ipv4: 'public-ip', ipv6: 'public-ipv6' },
  /** Set by a person: what peers are told in place of the address found. */
  overwrite: { ipv4: 'public-ip-overwrite', ipv6: 'public-ipv6-overwrite' },
  /** Set by a person: the address to use, in place of a flag. */
  node: { ipv4: 'node-public-ip', ipv6: 'node-public-ipv6' },
  /** Ours: all ways to reach a host that has several. Flanneld passes over what it does not know. */
  endpoints: 'overlay-endpoints',
} as const;

/** A domain with a dot, `/`, and perhaps a name that ends with `-`. */
const COMPLETE = /^(?:[a-z0-9_-]+\.)+[a-z0-9_-]+\/(?:[a-z0-9_-]+-)?$/;

/** What the annotations of one network are called. */
export class AnnotationNames {
  private constructor(readonly start: string) {}

  /**
   * Completes a prefix as flannel does: `flannel.alpha.coreos.com` to `flannel.alpha.coreos.com/`, `org.com/x` to
   * `org.com/x-`. Undefined when it is none.
   */
  static parse(prefix: string): AnnotationNames | undefined {
    let start = prefix.includes('/') ? prefix : `${prefix}/`;
    if (!/[/-]$/.test(start)) start += '-';
    return COMPLETE.test(start) ? new AnnotationNames(start) : undefined;
  }

  name(suffix: string): string {
    return this.start + suffix;
  }
}
