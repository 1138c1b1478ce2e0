// What of @kubernetes/client-node is used, by names, so that a bundler can leave out the rest: it is 5 MB.
export { createConfiguration, HttpMethod, KubeConfig, loadYaml, RequestContext } from '@kubernetes/client-node';
