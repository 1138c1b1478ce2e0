import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../../system/run.js';

/** What pods of a lab are made of, and the sandboxes around them too. It is never pulled from anywhere. */
export const IMAGE = 'localhost/overlay-lab:busybox';

const LINKS = ['sh', 'sleep', 'ping', 'ip', 'wget', 'nc', 'httpd'];
/** What a container does unless told: nothing, for 68 years. */
const ENTRYPOINT = ['/bin/sleep', '2147483647'];

interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/**
 * Writes an image with busybox and nothing else as an archive in the layout of OCI, which `ctr images import` takes.
 *
 * @param directory where it is put together.
 * @returns the archive's file.
 * @throws OverlayError `OVERLAY_LAB_COMMAND` when `tar` fails; system errors when there is no busybox
 */
export async function writeBusyboxImage(directory: string, busybox: string, signal?: AbortSignal): Promise<string> {
  const [root, layout] = [path.join(directory, 'root'), path.join(directory, 'layout')];
  const blobs = path.join(layout, 'blobs', 'sha256');
  for (const folder of [path.join(root, 'bin'), path.join(root, 'etc'), path.join(root, 'tmp'), blobs]) {
    mkdirSync(folder, { recursive: true });
  }
  copyFileSync(busybox, path.join(root, 'bin', 'busybox'));
  for (const name of LINKS) symlinkSync('busybox', path.join(root, 'bin', name));
  const layerFile = path.join(directory, 'layer.tar');
  await run(['tar', '-C', root, '-cf', layerFile, '.'], signal && { signal });
  const put = (mediaType: string, content: Buffer): Blob => {
    const hex = createHash('sha256').update(content).digest('hex');
    writeFileSync(path.join(blobs, hex), content);
    return { mediaType, digest: `sha256:${hex}`, size: content.length };
  };
  const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
  const layer = put('application/vnd.oci.image.layer.v1.tar', readFileSync(layerFile));
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const config = put(
    'application/vnd.oci.image.config.v1+json',
    json({
      architecture,
      os: 'linux',
      config: { Entrypoint: ENTRYPOINT, Env: ['PATH=/bin'] },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    }),
  );
  const manifestType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = put(manifestType, json({ schemaVersion: 2, mediaType: manifestType, config, layers: [layer] }));
  const annotations = { 'io.containerd.image.name': IMAGE };
  writeFileSync(path.join(layout, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
  writeFileSync(
    path.join(layout, 'index.json'),
    json({ schemaVersion: 2, manifests: [{ ...manifest, annotations, platform: { architecture, os: 'linux' } }] }),
  );
  const archive = path.join(directory, 'image.tar');
  await run(['tar', '-C', layout, '-cf', archive, '.'], signal && { signal });
  statSync(archive);
  return archive;
}
