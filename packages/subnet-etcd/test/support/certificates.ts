import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Certificates } from '@overlay/lab';

/** An authority with certificates for a server on loopback and for clients. */
export class LoopbackCertificates extends Certificates {
  constructor() {
    super(mkdtempSync(join(tmpdir(), 'overlay-etcd-tls-')));
    this.makeAuthority('ca');
    this.issueForLoopback('server');
    this.issueForLoopback('client');
  }

  /** Makes a certificate, in the place of the one that was there. */
  issueForLoopback(name: string): void {
    this.issue(name, 'ca', 'IP:127.0.0.1,DNS:localhost');
  }

  serverArgs(clientAuth: boolean, name = 'server'): string[] {
    const auth = clientAuth ? ['--client-cert-auth', '--trusted-ca-file', this.file('ca.crt')] : [];
    return ['--cert-file', this.file(`${name}.crt`), '--key-file', this.file(`${name}.key`), ...auth];
  }

  clientArgs(): string[] {
    const files = { cacert: 'ca.crt', cert: 'client.crt', key: 'client.key' };
    return Object.entries(files).map(([flag, name]) => `--${flag}=${this.file(name)}`);
  }

  dispose(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
