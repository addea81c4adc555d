"""The objects of the Open Model Engine, as far as a trial may use them. A field that is not here is refused.

Names and types: https://github.com/ome-projects/ome/tree/main/pkg/apis/ome/v1beta1. What belongs to engines over many
nodes, to disaggregation, routers and scaling is left out: replicas are pinned to one.
"""

from __future__ import annotations

from typing import Any

import msgspec
from lightkube.models import apps_v1, core_v1, meta_v1


class Format(msgspec.Struct, kw_only=True):
    """Of a model's files, or of the framework that they were written for."""

    name: str
    version: str | None = None
    operator: str | None = None
    weight: int | None = None


class Storage(msgspec.Struct, kw_only=True):
    storageUri: str
    path: str | None = None
    schemaPath: str | None = None
    parameters: dict[str, str] | None = None
    key: str | None = None
    nodeSelector: dict[str, str] | None = None
    nodeAffinity: core_v1.NodeAffinity | None = None
    downloadPolicy: str | None = None


class BaseModelSpec(msgspec.Struct, kw_only=True):
    storage: Storage
    modelFormat: Format | None = None
    modelType: str | None = None
    modelFramework: Format | None = None
    modelArchitecture: str | None = None
    quantization: str | None = None
    modelParameterSize: str | None = None
    modelCapabilities: list[str] | None = None
    apiCapabilities: list[str] | None = None
    modelConfiguration: dict[str, Any] | None = None
    displayName: str | None = None
    version: str | None = None
    disabled: bool | None = None
    vendor: str | None = None
    servingMode: list[str] | None = None
    maxTokens: int | None = None
    additionalMetadata: dict[str, str] | None = None


class SupportedFormat(msgspec.Struct, kw_only=True):
    modelFormat: Format
    modelFramework: Format
    name: str | None = None
    version: str | None = None
    modelArchitecture: str | None = None
    quantization: str | None = None
    autoSelect: bool | None = None
    priority: int | None = None


class SizeRange(msgspec.Struct, kw_only=True):
    min: str | None = None
    max: str | None = None


class Engine(msgspec.Struct, kw_only=True):
    """Of a runtime (`engineConfig`) and of a service (`engine`): the pod's fields stand beside the runner's."""

    runner: core_v1.Container | None = None
    minReplicas: int | None = None
    maxReplicas: int | None = None
    timeoutSeconds: int | None = None
    deploymentStrategy: apps_v1.DeploymentStrategy | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    initContainers: list[core_v1.Container] | None = None
    containers: list[core_v1.Container] | None = None
    volumes: list[core_v1.Volume] | None = None
    nodeSelector: dict[str, str] | None = None
    affinity: core_v1.Affinity | None = None
    tolerations: list[core_v1.Toleration] | None = None
    imagePullSecrets: list[core_v1.LocalObjectReference] | None = None
    securityContext: core_v1.PodSecurityContext | None = None
    schedulerName: str | None = None
    serviceAccountName: str | None = None
    priorityClassName: str | None = None
    runtimeClassName: str | None = None
    hostIPC: bool | None = None
    hostNetwork: bool | None = None
    dnsPolicy: str | None = None
    terminationGracePeriodSeconds: int | None = None


class ServingRuntimeSpec(msgspec.Struct, kw_only=True):
    supportedModelFormats: list[SupportedFormat]
    engineConfig: Engine
    modelSizeRange: SizeRange | None = None
    disabled: bool | None = None
    protocolVersions: list[str] | None = None


class ModelRef(msgspec.Struct, kw_only=True):
    name: str
    kind: str | None = None
    apiGroup: str | None = None
    fineTunedWeights: list[str] | None = None


class RuntimeRef(msgspec.Struct, kw_only=True):
    name: str
    kind: str | None = None
    apiGroup: str | None = None


class InferenceServiceSpec(msgspec.Struct, kw_only=True):
    """Without `predictor`, which OME 1.2.0 removed."""

    engine: Engine
    model: ModelRef | None = None
    runtime: RuntimeRef | None = None


class BaseModel(msgspec.Struct, kw_only=True):
    apiVersion: str
    kind: str
    metadata: meta_v1.ObjectMeta
    spec: BaseModelSpec


class ClusterBaseModel(BaseModel, kw_only=True): ...


class ServingRuntime(msgspec.Struct, kw_only=True):
    apiVersion: str
    kind: str
    metadata: meta_v1.ObjectMeta
    spec: ServingRuntimeSpec


class InferenceService(msgspec.Struct, kw_only=True):
    apiVersion: str
    kind: str
    metadata: meta_v1.ObjectMeta
    spec: InferenceServiceSpec
