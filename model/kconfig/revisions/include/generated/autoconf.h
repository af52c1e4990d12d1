/*
 * Automatically generated file; DO NOT EDIT.
 * no-IOMMU VFIO, mainline
 */
#define CONFIG_IOMMU_SUPPORT 1
#define CONFIG_X86 1
#define CONFIG_MODULES 1
#define CONFIG_PCI 1
#define CONFIG_MMU 1
