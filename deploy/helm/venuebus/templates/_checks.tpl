{{/* What the schema cannot say. */}}
{{- define "venuebus.checks" -}}
{{- if and .Values.nats.embedded.enabled .Values.bus.servers }}
{{- fail "bus.servers and nats.embedded.enabled exclude each other: set nats.embedded.enabled to false for a cluster of your own" }}
{{- end }}
{{- if not (or .Values.nats.embedded.enabled .Values.bus.servers) }}
{{- fail "no bus: name your NATS in bus.servers, or set nats.embedded.enabled to true" }}
{{- end }}
{{- range $key := list "servers" "credentials" "nkey" "token" "user" "password" "tls" "manage_streams" "spool_dir" "spool_max_bytes" }}
{{- if hasKey $.Values.bus.config $key }}{{ fail (printf "bus.config.%s: the chart sets this; use bus.servers, bus.login, bus.tls, jetstream.manage, spool" $key) }}{{ end }}
{{- end }}
{{- with .Values.nats.embedded }}
{{- if and .enabled .storage.enabled (ge (float64 (include "venuebus.bytes" .maxStore)) (float64 (include "venuebus.bytes" .storage.size))) }}
{{- fail (printf "nats.embedded.maxStore: %s is not below nats.embedded.storage.size, %s; a full disk stops every stream" .maxStore .storage.size) }}
{{- end }}
{{- end }}
{{- $ways := 0 }}
{{- range list "credentials" "nkey" "token" "password" }}{{ if get $.Values.bus.login . }}{{ $ways = add1 $ways }}{{ end }}{{ end }}
{{- if gt (int $ways) 1 }}{{ fail "bus.login: one way to log in only" }}{{ end }}
{{- if and (gt (int $ways) 0) (not .Values.bus.login.secretName) }}{{ fail "bus.login.secretName: missing" }}{{ end }}
{{- $names := dict (include "venuebus.nats.name" .) "the embedded NATS" }}
{{- range $name := keys .Values.venues | sortAlpha }}
{{- $object := include "venuebus.venue.name" (list $ $name) }}
{{- if gt (len $object) 52 }}{{ fail (printf "venues.%s: the name %s is longer than 52 letters; shorten the release's or the venue's" $name $object) }}{{ end }}
{{- $venue := get $.Values.venues $name }}
{{- $elsewhere := contains "/etc/venuebus/secrets" (toJson (list $.Values.podSpec ($venue.podSpec | default dict))) }}
{{- if and (not $venue.secretName) (not $elsewhere) (contains "/etc/venuebus/secrets/" (toJson $venue.config)) }}
{{- fail (printf "venues.%s.secretName: missing; the config names files in /etc/venuebus/secrets, which are that Secret's keys" $name) }}
{{- end }}
{{- with get $names $object }}{{ fail (printf "venues.%s: %s is already the name of %s" $name $object .) }}{{ end }}
{{- $_ := set $names $object (printf "venue %s" $name) }}
{{- end }}
{{- range $name := keys .Values.simulators | sortAlpha }}
{{- $object := include "venuebus.simulator.name" (list $ $name) }}
{{- with get $names $object }}{{ fail (printf "simulators.%s: %s is already the name of %s" $name $object .) }}{{ end }}
{{- $_ := set $names $object (printf "simulator %s" $name) }}
{{- end }}
{{- end }}

{{/* The bytes of a size of Kubernetes (10Gi) or of nats-server (8GiB). */}}
{{- define "venuebus.bytes" -}}
{{- $unit := regexFind "[KMGTPE]" . }}
{{- $base := ternary 1024.0 1000.0 (regexMatch "[iB]$" .) }}
{{- $bytes := float64 (regexFind "^[0-9.]+" .) }}
{{- $step := 1.0 }}
{{- range list "K" "M" "G" "T" "P" "E" }}
{{- $step = mulf $step $base }}
{{- if eq . $unit }}{{ $bytes = mulf $bytes $step }}{{ end }}
{{- end }}
{{- printf "%.0f" $bytes }}
{{- end }}
