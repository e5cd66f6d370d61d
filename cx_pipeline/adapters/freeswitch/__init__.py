"""What FreeSWITCH and FusionPBX leave: folders of manifests, streams, and call detail records."""
