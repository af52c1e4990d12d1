deps_config := \
	common/Kconfig.vfio_container \
	common/Kconfig.vfio_group \
	mainline/Kconfig.vfio \
	common/Kconfig.vfio \
	common/Kconfig.generic_pt \
	mainline/Kconfig.iommufd \
	common/Kconfig.iommu \
	common/Kconfig.environment \
	common/Kconfig.tree \
	mainline/Kconfig \

include/config/auto.conf: $(deps_config)


$(deps_config): ;
