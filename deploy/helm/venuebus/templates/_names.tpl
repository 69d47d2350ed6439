{{/* Names and labels. A venue's objects are <release>-<venue>, in the letters that Kubernetes allows. */}}

{{- define "venuebus.labels" -}}
app.kubernetes.io/name: venuebus
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end }}

{{/* (list $ component) */}}
{{- define "venuebus.selector" -}}
app.kubernetes.io/name: venuebus
app.kubernetes.io/instance: {{ (index . 0).Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* (list $ venue) */}}
{{- define "venuebus.venue.name" -}}
{{- printf "%s-%s" (index . 0).Release.Name (index . 1 | lower | replace "_" "-") -}}
{{- end }}

{{/* (list $ simulator) */}}
{{- define "venuebus.simulator.name" -}}
{{- printf "%s-sim-%s" (index . 0).Release.Name (index . 1 | lower | replace "_" "-") -}}
{{- end }}

{{- define "venuebus.nats.name" -}}
{{ .Release.Name }}-nats
{{- end }}

{{- define "venuebus.nats.url" -}}
{{ ternary "tls" "nats" (ne .Values.nats.embedded.tlsSecretName "") }}://{{ include "venuebus.nats.name" . }}:4222
{{- end }}

{{- define "venuebus.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end }}

{{/* Whether a venue calls us: its configuration has what only those have, or says so. */}}
{{- define "venuebus.venue.calls" -}}
{{- if or .webhook (hasKey .config "verify") (hasKey .config "insecure_unverified") }}true{{ end -}}
{{- end }}

{{- define "venuebus.calls" -}}
{{- range .Values.venues }}{{ include "venuebus.venue.calls" . }}{{ end -}}
{{- end }}

{{/* Venues whose last market data is kept, as JSON. */}}
{{- define "venuebus.retained" -}}
{{- $kept := list -}}
{{- range $name, $venue := .Values.venues -}}
{{- if eq (toString $venue.config.retain) "last" }}{{ $kept = append $kept $name }}{{ end -}}
{{- end -}}
{{ toJson $kept }}
{{- end }}
