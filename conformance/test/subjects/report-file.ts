/** Where the report of a run is kept, from the folder of this package: by the version of the interfaces and the subject. */
export function reportFile(coreVersion: string, subject: string, mode: string): string {
  return `reports/${coreVersion}/${subject}/${mode}-report.yaml`;
}
