/** Where flanneld's flags say nothing else. */
export const NET_CONF_FILE = '/etc/kube-flannel/net-conf.json';
export const SUBNET_FILE = '/run/flannel/subnet.env';
