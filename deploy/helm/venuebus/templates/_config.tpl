{{/* The configuration of one venue's bridge. JSON's scalars are TOML's, so only tables and lists are written here. */}}

{{- define "venuebus.toml.value" -}}
{{- if kindIs "map" . -}}
{ {{ range $index, $key := keys . | sortAlpha }}{{ if $index }}, {{ end }}{{ toJson $key }} = {{ include "venuebus.toml.value" (get $ $key) }}{{ end }} }
{{- else if kindIs "slice" . -}}
[{{ range $index, $item := . }}{{ if $index }}, {{ end }}{{ include "venuebus.toml.value" $item }}{{ end }}]
{{- else -}}
{{ toJson . }}
{{- end -}}
{{- end }}

{{- define "venuebus.toml.table" -}}
{{- range $key := keys . | sortAlpha }}
{{- if not (kindIs "invalid" (get $ $key)) }}
{{ $key }} = {{ include "venuebus.toml.value" (get $ $key) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "venuebus.bus" -}}
{{- $bus := dict -}}
{{- with .Values.nats.embedded -}}
{{- if .enabled }}
{{- $_ := set $bus "servers" (list (include "venuebus.nats.url" $)) -}}
{{- $_ := set $bus "replicas" .replicas -}}
{{- if .tlsSecretName }}{{ $_ := set $bus "tls" (dict "ca_file" "/etc/venuebus/nats-ca/ca.crt") }}{{ end -}}
{{- else }}
{{- $_ := set $bus "servers" $.Values.bus.servers -}}
{{- end -}}
{{- end -}}
{{- with .Values.bus.login -}}
{{- if .credentials }}{{ $_ := set $bus "credentials" (printf "/etc/venuebus/bus/%s" .credentials) }}{{ end -}}
{{- range $kind := list "nkey" "token" "password" -}}
{{- with get $.Values.bus.login $kind }}{{ $_ := set $bus $kind (dict "file" (printf "/etc/venuebus/bus/%s" .)) }}{{ end -}}
{{- end -}}
{{- if .user }}{{ $_ := set $bus "user" .user }}{{ end -}}
{{- end -}}
{{- with .Values.bus.tls -}}
{{- $tls := dict -}}
{{- if .ca }}{{ $_ := set $tls "ca_file" (printf "/etc/venuebus/tls/%s" .ca) }}{{ end -}}
{{- if .cert }}{{ $_ := set $tls "cert_file" (printf "/etc/venuebus/tls/%s" .cert) }}{{ end -}}
{{- if .key }}{{ $_ := set $tls "key_file" (printf "/etc/venuebus/tls/%s" .key) }}{{ end -}}
{{- if .secretName }}{{ $_ := set $bus "tls" $tls }}{{ end -}}
{{- end -}}
{{- $_ := set $bus "manage_streams" (ternary "app" "check" (eq .Values.jetstream.manage "app")) -}}
{{- $_ := set $bus "spool_dir" "/var/lib/venuebus/spool" -}}
{{- $_ := set $bus "spool_max_bytes" .Values.spool.maxBytes -}}
{{- toJson (mergeOverwrite $bus (deepCopy .Values.bus.config)) -}}
{{- end }}

{{/* (list $ name venue) */}}
{{- define "venuebus.toml" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $venue := index . 2 -}}
[bus]
{{- include "venuebus.toml.table" (include "venuebus.bus" $root | fromJson) }}

[http]
listen = "0.0.0.0:8321"
{{- if $root.Values.http.trustedProxies }}
trusted_proxies = {{ include "venuebus.toml.value" $root.Values.http.trustedProxies }}
{{- end }}

[run]
watch_config = {{ $root.Values.watchConfig }}

[log]
level = {{ toJson $root.Values.log.level }}
format = {{ toJson $root.Values.log.format }}

{{- with $root.Values.tracing }}

[tracing]
{{- include "venuebus.toml.table" . }}
{{- end }}

[venues.{{ $name }}]
{{- include "venuebus.toml.table" $venue.config }}
{{- end }}
