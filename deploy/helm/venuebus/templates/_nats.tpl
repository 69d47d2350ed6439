{{- define "venuebus.nats.config" -}}
{{- $nats := .Values.nats.embedded -}}
{{- $name := include "venuebus.nats.name" . -}}
server_name: $POD_NAME
port: 4222
http_port: 8222
pid_file: "/run/nats/nats.pid"
lame_duck_grace_period: 2s
lame_duck_duration: 30s
jetstream {
  store_dir: "/data"
  max_file: {{ $nats.maxStore }}
  max_mem: 64MiB
  {{- if eq $nats.sync "always" }}
  # every message is on the disk before it is acknowledged
  sync_interval: always
  {{- end }}
}
{{- if $nats.tlsSecretName }}
tls {
  cert_file: "/etc/nats/tls/tls.crt"
  key_file: "/etc/nats/tls/tls.key"
  ca_file: "/etc/nats/tls/ca.crt"
}
{{- end }}
{{- if gt (int $nats.replicas) 1 }}
cluster {
  name: {{ $name }}
  port: 6222
  routes: [
    {{- range $index := until (int $nats.replicas) }}
    nats://{{ $name }}-{{ $index }}.{{ $name }}-headless:6222
    {{- end }}
  ]
}
{{- end }}
{{- if $nats.authSecretName }}
include "../auth/auth.conf"
{{- end }}
{{- end }}

{{- define "venuebus.nats.pod" -}}
{{- $nats := .Values.nats.embedded -}}
{{ include "venuebus.pod.common" . }}
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
{{- if gt (int $nats.replicas) 1 }}
{{ include "venuebus.spread" (list . (include "venuebus.selector" (list . "nats"))) }}
{{- end }}
containers:
  - name: nats
    {{- include "venuebus.container.common" . | nindent 4 }}
    command: [/opt/venuebus/bin/nats-server]
    args: [-c, /etc/nats/config/nats.conf]
    env:
      - name: POD_NAME
        valueFrom:
          fieldRef: { apiVersion: v1, fieldPath: metadata.name }
    ports:
      - { name: nats, containerPort: 4222, protocol: TCP }
      - { name: cluster, containerPort: 6222, protocol: TCP }
      - { name: monitor, containerPort: 8222, protocol: TCP }
    # As nats-server's own chart has them: a server that recovers a large store is starting, not dead.
    startupProbe:
      httpGet: { path: /healthz, port: monitor, scheme: HTTP }
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 90
    readinessProbe:
      httpGet: { path: "/healthz?js-server-only=true", port: monitor, scheme: HTTP }
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 3
    livenessProbe:
      httpGet: { path: "/healthz?js-enabled-only=true", port: monitor, scheme: HTTP }
      periodSeconds: 30
      timeoutSeconds: 5
      failureThreshold: 3
    lifecycle:
      preStop:
        exec:
          command: [/opt/venuebus/bin/nats-server, "-sl=ldm=/run/nats/nats.pid"]
    resources: {{- toYaml $nats.resources | nindent 6 }}
    volumeMounts:
      - { name: config, mountPath: /etc/nats/config, readOnly: true }
      {{- if $nats.authSecretName }}
      - { name: auth, mountPath: /etc/nats/auth, readOnly: true }
      {{- end }}
      {{- if $nats.tlsSecretName }}
      - { name: tls, mountPath: /etc/nats/tls, readOnly: true }
      {{- end }}
      - { name: data, mountPath: /data }
      - { name: run, mountPath: /run/nats }
volumes:
  - name: config
    configMap: { name: {{ include "venuebus.nats.name" . }} }
  {{- with $nats.authSecretName }}
  - name: auth
    secret: { secretName: {{ . | quote }}, defaultMode: 0440 }
  {{- end }}
  {{- with $nats.tlsSecretName }}
  - name: tls
    secret: { secretName: {{ . | quote }}, defaultMode: 0440 }
  {{- end }}
  {{- if not $nats.storage.enabled }}
  - name: data
    emptyDir: {}
  {{- end }}
  - name: run
    emptyDir: { medium: Memory, sizeLimit: 1Mi }
{{- end }}
