// The processor: cores, name, the instructions that quantized models want, the frequency governor. Reads /proc/cpuinfo
// and sysfs. Any thread.
import { join } from 'node:path';
import type { Finding } from './finding.ts';
import { namesIn, readText, SYSTEM_ROOTS, type SystemRoots } from './system-files.ts';

export interface CpuFacts {
  readonly arch: string;
  readonly cores: number;
  /** "Cortex-A76", or the name the kernel gives; several with a slash where the cores differ. */
  readonly model: string;
  /** Those of FEATURES that every core has, in our names. */
  readonly features: readonly string[];
  readonly governor: string | undefined;
  readonly driver: string | undefined;
}

/**
 * The kernel's word and ours. arm64: elf_hwcaps.rst of the kernel (asimddp: SDOT and UDOT, Armv8.2; i8mm: matrix products
 * of bytes, Armv8.6; fphp: half precision). x64: the flags of arch/x86/include/asm/cpufeatures.h.
 */
const FEATURES: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  arm64: [
    ['asimddp', 'dotprod'],
    ['i8mm', 'i8mm'],
    ['fphp', 'fp16'],
  ],
  x64: [
    ['avx2', 'avx2'],
    ['avx_vnni', 'avx_vnni'],
    ['avx512_vnni', 'avx512_vnni'],
  ],
};

/** "CPU part" of implementer 0x41 (Arm): the cores of boards we know. The Technical Reference Manuals, MIDR_EL1. */
const ARM_PARTS: Readonly<Record<string, string>> = {
  '0xd03': 'Cortex-A53',
  '0xd04': 'Cortex-A35',
  '0xd05': 'Cortex-A55',
  '0xd07': 'Cortex-A57',
  '0xd08': 'Cortex-A72',
  '0xd09': 'Cortex-A73',
  '0xd0a': 'Cortex-A75',
  '0xd0b': 'Cortex-A76',
  '0xd0c': 'Neoverse-N1',
  '0xd0d': 'Cortex-A77',
  '0xd41': 'Cortex-A78',
  '0xd42': 'Cortex-A78AE',
  '0xd44': 'Cortex-X1',
  '0xd46': 'Cortex-A510',
  '0xd47': 'Cortex-A710',
};

/** What /proc/cpuinfo and cpufreq say. */
export function readCpu(roots: SystemRoots = SYSTEM_ROOTS, arch: string = process.arch): CpuFacts {
  const cores = coresIn(readText(join(roots.proc, 'cpuinfo')) ?? '');
  const words = cores.map((core) => new Set((core.get('Features') ?? core.get('flags') ?? '').split(/\s+/)));
  const known = FEATURES[arch] ?? [];
  const features = known.filter(([word]) => words.length > 0 && words.every((all) => all.has(word)));
  const cpufreq = join(roots.sys, 'devices/system/cpu');
  const first = namesIn(cpufreq, /^cpu\d+$/)[0] ?? 'cpu0';
  return {
    arch,
    cores: cores.length,
    model: [...new Set(cores.map(nameOf))].join(' / '),
    features: features.map(([, name]) => name),
    governor: readText(join(cpufreq, first, 'cpufreq/scaling_governor')),
    driver: readText(join(cpufreq, first, 'cpufreq/scaling_driver')),
  };
}

/**
 * Whether ONNX Runtime's fast int8 kernels add two products in 16 bits here and cut off what does not fit: x64 without VNNI. Where
 * they do not, its precise kernels give the same and take 1.8 times as long (vedette-nano-v0, Intel Xeon with VNNI, 2026-11-27).
 */
export function cutsByteSums({ arch, features }: Pick<CpuFacts, 'arch' | 'features'>): boolean {
  return arch === 'x64' && !features.includes('avx_vnni') && !features.includes('avx512_vnni');
}

function coresIn(text: string): ReadonlyMap<string, string>[] {
  const blocks = text.split(/\n\s*\n/).map((block) => {
    const pairs = block.split('\n').map((line) => /^([^:]*?)\s*:\s*(.*)$/.exec(line));
    return new Map(pairs.flatMap((pair) => (pair === null ? [] : [[pair[1]!, pair[2]!] as const])));
  });
  // The last block of a Raspberry Pi ("Hardware", "Serial", "Model") is no core.
  return blocks.filter((block) => block.has('processor'));
}

function nameOf(core: ReadonlyMap<string, string>): string {
  const part = core.get('CPU part');
  if (part === undefined) return core.get('model name') ?? 'unknown';
  const name = core.get('CPU implementer') === '0x41' ? ARM_PARTS[part] : undefined;
  return name ?? `part ${part} of implementer ${core.get('CPU implementer')}`;
}

/** What the processor means for the detector. */
export function cpuFindings(cpu: CpuFacts): Finding[] {
  if (cpu.cores === 0)
    return [{ level: 'warning', message: '/proc/cpuinfo names no core: nothing is known' }];
  const missing = (FEATURES[cpu.arch] ?? [])
    .map(([, name]) => name)
    .filter((name) => !cpu.features.includes(name));
  const shown = [...cpu.features, ...missing.map((name) => `no ${name}`)].join(', ');
  const message = `${cpu.cores} x ${cpu.model} (${cpu.arch}): ${shown === '' ? 'no known features' : shown}`;
  const facts = { arch: cpu.arch, cores: cpu.cores, model: cpu.model, features: cpu.features };
  const advice = featureAdvice(cpu);
  const main: Finding = { level: advice === undefined ? 'ok' : 'warning', message, facts };
  return [advice === undefined ? main : { ...main, advice }, ...governorFindings(cpu)];
}

function featureAdvice({ arch, features }: CpuFacts): string | undefined {
  if (arch === 'arm64' && !features.includes('dotprod')) {
    return 'without dot-product instructions int8 models can be slower than float ones: compare both, or take a smaller model, fewer frames per second or fewer cameras';
  }
  if (arch === 'x64' && !features.includes('avx2')) {
    return 'without AVX2 inference is several times slower: take a smaller model or fewer frames per second';
  }
  return undefined;
}

/** Drivers whose `powersave` follows the load (kernel, admin-guide/pm/intel_pstate.rst and amd-pstate.rst). */
const POWERSAVE_SCALES = new Set(['intel_pstate', 'amd-pstate-epp']);

function governorFindings({ governor, driver }: CpuFacts): Finding[] {
  if (governor === undefined) return [];
  const facts = { governor, driver };
  if (governor !== 'powersave' || POWERSAVE_SCALES.has(driver ?? '')) {
    return [{ level: 'ok', subject: 'governor', message: governor, facts }];
  }
  return [
    {
      level: 'warning',
      subject: 'governor',
      message: 'powersave: the cores stay at their lowest frequency',
      advice:
        'set it to ondemand or schedutil: echo ondemand | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor',
      facts,
    },
  ];
}
