import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate authority of its own with certificates for a server on loopback and for clients. */
export class Certificates {
  readonly directory = mkdtempSync(join(tmpdir(), 'overlay-etcd-tls-'));

  constructor() {
    this.makeAuthority('ca');
    this.issue('server', 'ca');
    this.issue('client', 'ca');
  }

  file(name: string): string {
    return join(this.directory, name);
  }

  makeAuthority(name: string): void {
    this.#openssl([
      'req',
      '-x509',
      ...this.#newKey(name),
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-out',
      this.file(`${name}.crt`),
    ]);
  }

  /** Makes NAME.crt and NAME.key, in the place of those that were there. */
  issue(name: string, authority: string, names = 'IP:127.0.0.1,DNS:localhost'): void {
    const [request, extensions] = [this.file(`${name}.csr`), this.file(`${name}.ext`)];
    this.#openssl(['req', ...this.#newKey(name), '-subj', `/CN=${name}`, '-out', request]);
    writeFileSync(extensions, `subjectAltName=${names}\nextendedKeyUsage=serverAuth,clientAuth\n`);
    const by = ['-CA', this.file(`${authority}.crt`), '-CAkey', this.file(`${authority}.key`), '-CAcreateserial'];
    const out = ['-out', this.file(`${name}.crt`)];
    this.#openssl(['x509', '-req', '-in', request, ...by, '-days', '2', '-extfile', extensions, ...out]);
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

  #newKey(name: string): string[] {
    return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', this.file(`${name}.key`)];
  }

  #openssl(args: readonly string[]): void {
    execFileSync('openssl', args, { stdio: 'ignore', timeout: 20_000 });
  }
}
