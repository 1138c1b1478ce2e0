import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { requireTools } from '../system/requirements.js';

const OPENSSL_MS = 20_000;

/** Certificate authorities of their own, and what they vouch for, as files: NAME.crt and NAME.key. Made by openssl. */
export class Certificates {
  /** @throws OverlayError `OVERLAY_LAB_TOOL_MISSING` */
  constructor(
    /** Where the files are; made if it is not there. */
    readonly directory: string,
  ) {
    requireTools(['openssl']);
    mkdirSync(directory, { recursive: true });
  }

  file(name: string): string {
    return path.join(this.directory, name);
  }

  /** Makes an authority. */
  makeAuthority(name: string): void {
    const made = [...this.#newKey(name), '-days', '2', '-subj', `/CN=${name}`, '-out', this.file(`${name}.crt`)];
    this.#openssl(['req', '-x509', ...made]);
  }

  /**
   * Makes a certificate, in the place of the one that was there.
   *
   * @param names who may show it, in openssl's words: `IP:127.0.0.1,DNS:localhost`
   */
  issue(name: string, authority: string, names: string): void {
    const [request, extensions] = [this.file(`${name}.csr`), this.file(`${name}.ext`)];
    this.#openssl(['req', ...this.#newKey(name), '-subj', `/CN=${name}`, '-out', request]);
    writeFileSync(extensions, `subjectAltName=${names}\nextendedKeyUsage=serverAuth,clientAuth\n`);
    const by = ['-CA', this.file(`${authority}.crt`), '-CAkey', this.file(`${authority}.key`), '-CAcreateserial'];
    const out = ['-out', this.file(`${name}.crt`)];
    this.#openssl(['x509', '-req', '-in', request, ...by, '-days', '2', '-extfile', extensions, ...out]);
  }

  #newKey(name: string): string[] {
    return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', this.file(`${name}.key`)];
  }

  #openssl(args: readonly string[]): void {
    execFileSync('openssl', args, { stdio: 'ignore', timeout: OPENSSL_MS });
  }
}
